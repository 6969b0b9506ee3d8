//! Plugins: samplers in shared libraries, as `plugins/sdk/include/sigmalab_sampler.h` describes
//! them. Finding their files and learning what they are runs none of their code in this process;
//! opening one does, and is for the worker and other processes that may die of it.

mod cache;
mod call;
mod callbacks;
mod child;
mod describe;
mod discover;
mod ending;
mod fault;
mod file;
mod guarded;
mod listing;
mod message;
mod open;
mod private_group;
mod sampler;
mod search_path;
mod table;
mod trust;
mod untouched;
mod validate;
mod watch;

pub use child::{ChildEnd, Conversation, converse, parent_pipe};
pub use describe::{Description, describe_here};
pub use discover::{DEFAULT_SILENCE, Discovery, Effort, Traces, discover, follow};
pub use ending::signal_in_words;
pub use fault::Fault;
pub use file::{FileHash, PluginFile};
pub use listing::{Listing, Plugin, Problem};
pub use open::Opened;
pub use sampler::PluginSampler;
pub use search_path::{PATH_VARIABLE, SearchPath};
pub use trust::{Distrust, TRUST_VARIABLE, Trust};
pub use watch::{DEFAULT_LIMIT, Guardian, Place, Watch};

pub(super) use call::{Call, Shape, Spent};
pub(super) use open::floating_point_is_sound;
