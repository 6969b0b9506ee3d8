//! The devices of one sweep: `cuda:0,cuda:1`. Which lists make sense, and what a process is told that
//! is to see one of them alone. It starts nothing and asks no driver.

use super::values::device;
use sigmalab_compute::DeviceChoice;
use std::fmt;

/// Most devices of one machine that are taken.
const MOST: usize = 64;

/// The variable by which CUDA is told which cards a process may see.
pub(crate) const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";

/// Devices of one kind, a process for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeviceList(Vec<DeviceChoice>);

impl std::str::FromStr for DeviceList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut devices = Vec::new();
        for (at, item) in text.split(',').enumerate() {
            let item = item.trim();
            let one = device(item).map_err(|why| format!("item {} `{item}`: {why}", at + 1))?;
            if let Some(first) = devices.first().filter(|first| !are_alike(**first, one)) {
                return Err(format!(
                    "{first} and {one} do not go together: all trials of a sweep are made on \
                     devices of one kind"
                ));
            }
            if one != DeviceChoice::Cpu && devices.contains(&one) {
                return Err(format!(
                    "{one} is named twice, and one process has a device to itself"
                ));
            }
            if devices.len() == MOST {
                return Err(format!("the list is longer than {MOST} devices"));
            }
            devices.push(one);
        }
        Ok(DeviceList(devices))
    }
}

/// Whether two devices are of one kind.
fn are_alike(one: DeviceChoice, other: DeviceChoice) -> bool {
    std::mem::discriminant(&one) == std::mem::discriminant(&other)
}

impl DeviceList {
    /// The devices, at least one.
    pub(crate) fn all(&self) -> &[DeviceChoice] {
        &self.0
    }

    pub(crate) fn first(&self) -> DeviceChoice {
        self.0.first().copied().unwrap_or_default()
    }

    /// The device that every recipe of the sweep names: a process that sees one card calls it cuda:0.
    pub(crate) fn in_recipes(&self) -> DeviceChoice {
        match self.first() {
            DeviceChoice::Cuda(_) => DeviceChoice::Cuda(0),
            other => other,
        }
    }

    /// Whether trials of a sweep on `device` can be made on these.
    pub(crate) fn suits(&self, device: DeviceChoice) -> bool {
        are_alike(self.first(), device)
    }
}

/// As `--devices` takes it.
impl fmt::Display for DeviceList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(DeviceChoice::to_string).collect();
        f.write_str(&names.join(","))
    }
}

/// The value of [`VISIBLE`] with which a process sees one device alone, where this one is told `own`;
/// `None` where nothing need be said.
pub(crate) fn visible(device: DeviceChoice, own: Option<&str>) -> Option<String> {
    let DeviceChoice::Cuda(number) = device else { return None };
    // Numbers count what this process may see itself.
    let named = own.and_then(|own| own.split(',').nth(number)).map(|name| name.trim().to_owned());
    Some(named.unwrap_or_else(|| number.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn list(text: &str) -> Result<DeviceList, String> {
        text.parse()
    }

    #[test]
    fn lists_are_of_one_kind_and_name_a_card_once() {
        let two = list("cuda:1, cuda:3").unwrap();
        assert_eq!(two.all(), [DeviceChoice::Cuda(1), DeviceChoice::Cuda(3)]);
        assert_eq!(
            (two.in_recipes(), two.to_string().as_str()),
            (DeviceChoice::Cuda(0), "cuda:1,cuda:3")
        );
        assert!(two.suits(DeviceChoice::Cuda(0)) && !two.suits(DeviceChoice::Cpu));
        assert_eq!(list("cpu,cpu").unwrap().in_recipes(), DeviceChoice::Cpu);
        for (text, words) in [
            ("", "item 1 ``: use cpu, cuda, cuda:N or metal"),
            ("cuda:0,", "item 2 ``"),
            ("cuda:0,tpu", "item 2 `tpu`"),
            ("cuda:0,cuda:x", "the number of the GPU"),
            ("cuda,cuda:0", "cuda:0 is named twice"),
            ("cpu,cuda:0", "cpu and cuda:0 do not go together"),
        ] {
            let message = list(text).unwrap_err();
            assert!(message.contains(words), "{text}: {message}");
        }
        assert!(list(&["cpu"; 65].join(",")).unwrap_err().contains("64"));
    }

    #[test]
    fn a_process_sees_one_card_of_those_that_this_one_sees() {
        let of = |number, own| visible(DeviceChoice::Cuda(number), own);
        assert_eq!(of(1, None).as_deref(), Some("1"));
        assert_eq!(of(1, Some("4,6")).as_deref(), Some("6"));
        assert_eq!(of(0, Some("GPU-8932f937, 3")).as_deref(), Some("GPU-8932f937"));
        assert_eq!(visible(DeviceChoice::Cpu, Some("4")), None);
    }
}
