//! Says in words what is wrong with the records of a server, or of a device (spec §6.1, "Validator"). A merge corrects all
//! of it except for what it names as refused; this only looks.

mod compare;
mod problem;
mod records;

pub use compare::compare;
pub use problem::Problem;
pub use records::check;
