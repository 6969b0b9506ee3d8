//! Who writes the tables: one process at a time, by a lease of their own, and whoever ends last.
//! No lock of the file system is asked for, and nobody is waited for without end.

use super::lease::{Lease, Leases, TABLES, settled};
use super::summary::WORTH;
use super::sweep::{Sweep, SweepError};
use super::tables::{self, TableError};
use std::time::{Duration, Instant};

/// Time between two looks at whoever is at it.
const PAUSE: Duration = Duration::from_millis(100);

/// How often what came meanwhile is written too before the lease goes back.
const ROUNDS: usize = 3;

impl Sweep {
    /// Writes the tables anew, after reading what others wrote; `false` where another process is
    /// at it, which takes in what this one has recorded, or the next does.
    pub(super) fn write_tables_unless_busy(
        &mut self,
        leases: &mut Leases,
    ) -> Result<bool, SweepError> {
        match self.lease_of_tables(leases)? {
            Some(lease) => self.write_under(&lease).map(|()| true),
            None => Ok(false),
        }
    }

    /// The same, waiting for another process: as long as it may take to find out that it is lost,
    /// and until `go_on` says no.
    ///
    /// # Errors
    /// The other process does not end, or a file cannot be written.
    pub fn write_tables(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<bool, SweepError> {
        self.directory.create(&self.directory.leases())?;
        let mut leases = Leases::new(&self.directory.leases());
        let (began, most) = (Instant::now(), settled() * 3 / 2);
        loop {
            if let Some(lease) = self.lease_of_tables(&mut leases)? {
                return self.write_under(&lease).map(|()| true);
            }
            if !go_on() {
                return Ok(false);
            }
            if began.elapsed() > most {
                return Err(TableError::Busy(began.elapsed()).into());
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn lease_of_tables(&self, leases: &mut Leases) -> Result<Option<Lease>, SweepError> {
        let path = self.directory.leases();
        let taken = leases.take_briefly(TABLES);
        Ok(taken.map_err(|source| TableError::Lease { path, source })?)
    }

    fn write_under(&mut self, lease: &Lease) -> Result<(), SweepError> {
        for _ in 0..ROUNDS {
            self.refresh()?;
            let known = self.ledger.records();
            tables::write(&self.directory, &self.ledger, &self.swept(), lease)?;
            if lease.is_mine().unwrap_or(false) {
                self.write_summary(WORTH).map_err(TableError::from)?;
            }
            // Who recorded something meanwhile found the lease taken.
            self.refresh()?;
            if self.ledger.records() == known {
                break;
            }
        }
        Ok(())
    }
}
