//! Weights that are copied to a CUDA device for every use: through page-locked memory, on a stream of
//! their own, while the device still works on those before them. Two are on their way at a time, so
//! that one is copied while the other is used. It knows bytes, not what they mean.

use crate::parts::{copy_in_parts, places};
use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::driver::{
    CudaEvent, CudaSlice, CudaStream, DevicePtr, PinnedHostSlice, result,
};
use candle_core::{CudaDevice, Result};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

/// Weights on their way at a time.
const SLOTS: usize = 2;

/// Room for one weight, here and on the device, and what has to be over before it is used again.
#[derive(Default)]
struct Slot {
    host: Option<PinnedHostSlice<u8>>,
    device: Option<CudaSlice<u8>>,
    /// Behind the last copy out of `host`, in the stream of copies.
    copied: Option<CudaEvent>,
    /// Behind the last work that reads `device`, in the device's stream.
    used: Option<CudaEvent>,
    /// Whether somebody still reads `device`.
    taken: bool,
}

struct Copies {
    stream: Arc<CudaStream>,
    slots: [Slot; SLOTS],
    next: usize,
}

/// By the device's number, as kernels are.
static COPIES: Mutex<Option<HashMap<usize, Copies>>> = Mutex::new(None);

/// Bytes on their way to a device: what is put into the device's stream from now on finds them at
/// their addresses, until this is dropped.
pub(super) struct OnTheWay {
    device: CudaDevice,
    slot: usize,
    /// Where each part begins.
    pub(super) addresses: Vec<u64>,
}

impl std::fmt::Debug for OnTheWay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} parts in slot {}", self.addresses.len(), self.slot)
    }
}

impl Drop for OnTheWay {
    fn drop(&mut self) {
        let mut all = COPIES.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.device.cuda_stream().context().ordinal();
        let slots = all.as_mut().and_then(|all| all.get_mut(&number));
        if let Some(slot) = slots.and_then(|copies| copies.slots.get_mut(self.slot)) {
            // A device that makes no event any more fails in whatever comes next.
            slot.used = self.device.cuda_stream().record_event(None).ok();
            slot.taken = false;
        }
    }
}

/// Sends parts to a device, each at a multiple of 256 bytes. `None` where all places are taken.
pub(super) fn send(device: &CudaDevice, parts: &[&[u8]]) -> Result<Option<OnTheWay>> {
    let own = device.cuda_stream();
    let number = own.context().ordinal();
    let mut all = COPIES.lock().unwrap_or_else(PoisonError::into_inner);
    let all = all.get_or_insert_with(HashMap::new);
    let Copies { stream, slots, next } = match all.entry(number) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(place) => {
            let stream = own.context().new_stream().w()?;
            place.insert(Copies { stream, slots: Default::default(), next: 0 })
        }
    };
    let at = *next;
    let Some(slot) = slots.get_mut(at).filter(|slot| !slot.taken) else { return Ok(None) };
    let (places, length) = places(parts);
    slot.make_room(&own, length)?;
    let Slot { host: Some(host), device: Some(room), copied, used, taken } = slot else {
        return Ok(None);
    };
    // The copy before out of this memory is done, and the work on what it copied is over before
    // the next one arrives.
    if let Some(copied) = copied {
        copied.synchronize().w()?;
    }
    let bytes = host.as_mut_slice().w()?;
    let Some(bytes) = bytes.get_mut(..length) else { return Ok(None) };
    copy_in_parts(parts, &places, bytes);
    if let Some(used) = used {
        stream.wait(used).w()?;
    }
    let (base, _) = room.device_ptr(&own);
    own.context().bind_to_thread().w()?;
    // SAFETY: both have `length` bytes; the memory here is left alone until the event behind the
    // copy has been waited for, and that of the device is read behind it alone.
    #[allow(unsafe_code)]
    unsafe {
        result::memcpy_htod_async(base, bytes, stream.cu_stream()).w()?;
    }
    let behind = stream.record_event(None).w()?;
    own.wait(&behind).w()?;
    (*copied, *taken, *next) = (Some(behind), true, (at + 1) % SLOTS);
    let addresses = places.iter().map(|place| base + *place as u64).collect();
    Ok(Some(OnTheWay { device: device.clone(), slot: at, addresses }))
}

/// Copies bytes of the device from one address to another, in the order of its stream.
pub(super) fn copy_on(device: &CudaDevice, from: u64, to: u64, bytes: usize) -> Result<()> {
    let own = device.cuda_stream();
    own.context().bind_to_thread().w()?;
    // SAFETY: the callers hold both pieces of memory, of so many bytes at least, until the copy is in
    // the stream, in whose order they are used again.
    #[allow(unsafe_code)]
    unsafe {
        result::memcpy_dtod_async(to, from, bytes, own.cu_stream()).w()
    }
}

impl Slot {
    /// Room for `length` bytes, here and on the device. Growing waits for everything, which the first
    /// layer alone is asked for.
    fn make_room(&mut self, own: &Arc<CudaStream>, length: usize) -> Result<()> {
        if self.device.as_ref().is_some_and(|room| room.len() >= length) {
            return Ok(());
        }
        if let Some(copied) = self.copied.take() {
            copied.synchronize().w()?;
        }
        (self.host, self.device, self.used) = (None, None, None);
        let length = length.max(1);
        // SAFETY: both are written before they are read.
        #[allow(unsafe_code)]
        unsafe {
            self.host = Some(own.context().alloc_pinned::<u8>(length).w()?);
            self.device = Some(own.alloc::<u8>(length).w()?);
        }
        // The memory is there in the order of the device's own stream only.
        own.synchronize().w()
    }
}
