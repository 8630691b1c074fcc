//! A stream of choices: random values are built from it, and they shrink as the stream does.

/// Numbers that a builder draws from; an exhausted stream gives zeros, which every builder takes as the plainest choice.
#[derive(Debug)]
pub(crate) struct Choices {
    numbers: Vec<u16>,
    next: usize,
}

impl Choices {
    pub(crate) fn new(numbers: Vec<u16>) -> Self {
        Self { numbers, next: 0 }
    }

    /// A number below `count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        let number = self.numbers.get(self.next).copied().unwrap_or_default();
        self.next += 1;
        usize::from(number) % count
    }

    /// True once in `count` times.
    pub(crate) fn rarely(&mut self, count: usize) -> bool {
        self.below(count) == count - 1
    }

    /// One of them.
    pub(crate) fn one<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }

    /// Up to `most` of them.
    pub(crate) fn some<'a, T: ?Sized>(&mut self, most: usize, all: &[&'a T]) -> Vec<&'a T> {
        (0..self.below(most + 1)).map(|_| self.one(all)).collect()
    }
}
