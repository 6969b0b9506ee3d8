//! Parts of a weight one after the other in one piece of memory, as they are sent to a device: where
//! each begins, and copying them there by several threads. Knows bytes and no device.

/// Every part begins at a multiple of this, as kernels read sixteen bytes at a time.
const ALIGNED: usize = 256;
/// Bytes from which a copy is shared out: a thread's start has to be worth it.
const WORTH_A_THREAD: usize = 4 << 20;
/// Most threads of one copy: fewer than these read a disk or fill a bus.
const THREADS: usize = 4;

/// Where each part begins, and the length of all together.
pub(crate) fn places(parts: &[&[u8]]) -> (Vec<usize>, usize) {
    let mut end = 0_usize;
    let places = parts.iter().map(|part| {
        let place = end.next_multiple_of(ALIGNED);
        end = place + part.len();
        place
    });
    (places.collect(), end)
}

/// Copies parts to their places.
pub(crate) fn copy_in_parts(parts: &[&[u8]], places: &[usize], out: &mut [u8]) {
    for (part, place) in parts.iter().zip(places) {
        let Some(out) = out.get_mut(*place..*place + part.len()) else { continue };
        let share = part.len().div_ceil(THREADS).max(WORTH_A_THREAD);
        if part.len() <= share {
            out.copy_from_slice(part);
            continue;
        }
        std::thread::scope(|scope| {
            for (from, to) in part.chunks(share).zip(out.chunks_mut(share)) {
                scope.spawn(move || to.copy_from_slice(from));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_arrive_whole_at_aligned_places_and_nothing_else_is_touched() {
        for lengths in [vec![1], vec![256, 0, 3], vec![5, 3 * WORTH_A_THREAD + 7, 300]] {
            let of = |(seed, length): (usize, &usize)| -> Vec<u8> {
                (0..*length).map(|i| (((i + seed) * 7919) >> 3) as u8).collect()
            };
            let bytes: Vec<Vec<u8>> = lengths.iter().enumerate().map(of).collect();
            let parts: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
            let (places, length) = places(&parts);
            let mut out = vec![0xA5; length + 1];
            copy_in_parts(&parts, &places, &mut out);
            let mut expected = vec![0xA5; length + 1];
            let mut last = 0;
            for (part, place) in parts.iter().zip(&places) {
                assert!(place % ALIGNED == 0 && *place >= last);
                last = place + part.len();
                expected.splice(*place..last, part.iter().copied());
            }
            assert!(last == length && out == expected, "{lengths:?}");
        }
    }
}
