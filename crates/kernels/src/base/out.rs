//! A matrix that many tasks write, each in columns of its own.

/// The result of a product, while tasks write it.
#[derive(Clone, Copy)]
pub(crate) struct Out<T> {
    pub(crate) values: *mut T,
    pub(crate) len: usize,
    pub(crate) rows: usize,
    pub(crate) outputs: usize,
}

// SAFETY: tasks write to disjoint columns (each column is dealt once) and nobody reads before all are
// done; `T` is plain data.
#[allow(unsafe_code)]
unsafe impl<T: Send> Send for Out<T> {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl<T: Send> Sync for Out<T> {}

impl<T> Out<T> {
    /// `count` values of a row from `column`.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    pub(crate) fn row(&self, row: usize, column: usize, count: usize) -> &mut [T] {
        let first = row * self.outputs + column;
        assert!(row < self.rows && column + count <= self.outputs && first + count <= self.len);
        // SAFETY: within the slice that `values` came from, which outlives the tasks; no other
        // task writes to these columns.
        #[allow(unsafe_code)]
        unsafe {
            std::slice::from_raw_parts_mut(self.values.add(first), count)
        }
    }
}
