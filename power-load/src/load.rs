//! What a load is.

use crate::{Demand, Result};

/// Something that can be made to take power.
///
/// Dropping a load makes it idle, and waits for that.
pub trait Load: Send {
    /// Makes the load do what is asked, and returns once it does.
    ///
    /// What began before this call and ended after it is the change itself: the time of the call is the bracket of the
    /// edge. How long it takes is said at each load: below 0.1 ms on idle CPUs and GPUs to begin, at most 3 ms to end.
    /// Parts of the demand that this load is not made for are left alone.
    ///
    /// # Errors
    ///
    /// - [`Error::Share`](crate::Error::Share) if a share is not 0 to 1; nothing changes then.
    /// - what else the load says, if it cannot do it.
    fn set(&mut self, demand: &Demand) -> Result<()>;
}

/// Loads that are driven together: each serves its part of the demand.
///
/// ```
/// use power_load::{CpuLoad, Demand, Load, Loads, MemoryLoad};
/// let mut loads = Loads::new().with(CpuLoad::start()?).with(MemoryLoad::start()?);
/// loads.set(&Demand { cpu: 0.3, memory: 0.2, ..Demand::IDLE })?;
/// loads.set(&Demand::IDLE)?;
/// # Ok::<(), power_load::Error>(())
/// ```
#[derive(Default)]
pub struct Loads {
    parts: Vec<Box<dyn Load>>,
}

impl Loads {
    /// No load at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one load more.
    #[must_use]
    pub fn with(mut self, part: impl Load + 'static) -> Self {
        self.parts.push(Box::new(part));
        self
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
}

impl std::fmt::Debug for Loads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loads").field("parts", &self.parts.len()).finish()
    }
}

impl Load for Loads {
    /// Sets one part after the other; the bracket is that of all.
    fn set(&mut self, demand: &Demand) -> Result<()> {
        demand.check()?;
        // Where one fails, the others are still told: what is to be idle becomes idle.
        let results: Vec<Result<()>> = self.parts.iter_mut().map(|part| part.set(demand)).collect();
        results.into_iter().collect()
    }
}

impl<T: Load + ?Sized> Load for Box<T> {
    fn set(&mut self, demand: &Demand) -> Result<()> {
        (**self).set(demand)
    }
}
