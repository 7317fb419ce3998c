//! The suite is worth something only if it fails: each faulty source and driver here breaks one rule, and the
//! suite must name exactly the case of that rule.

mod base;
mod drivers;
mod sources;
