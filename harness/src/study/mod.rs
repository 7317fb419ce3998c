//! `study`: the paper's experiments on this machine, or on the virtual rig, and what they say.
//!
//! # The way of a study
//!
//! 1. [`plan`] says which experiments there are, how many trainings each has, and which instruments are read.
//! 2. [`conduct`] plays them: each part of an experiment is one recording, whose trainings a [`trainer`] runs and marks.
//!    What is done stands in the study's folder ([`folder`]), so that a killed study goes on where it stopped.
//! 3. [`observe`] turns each run into epochs and trainings as every tool saw them, by the channels that [`instruments`]
//!    finds and the reference of [`mod@reference`].
//! 4. [`analyse`] makes of all of them the tables, figures and principles ([`results`]), with [`sentences`] computed from
//!    them; [`truth`] compares with what the virtual rig knows.
//! 5. [`tables`] writes them for a paper, [`crate::report`] as a page.

pub mod analyse;
pub mod beside_paper;
pub mod conduct;
pub mod folder;
pub mod instruments;
pub mod observe;
pub mod plan;
pub mod progress;
pub mod reference;
pub mod results;
pub mod sentences;
pub mod sources;
pub mod switching;
pub mod tables;
pub mod trainer;
#[cfg(feature = "virtual")]
pub mod truth;
