//! Objects that values stand for, made once: truth values, small integers, members of enumerations. A short value is
//! then an index, and no object is made for it; and a small integer is read off its address.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyInt};

use crate::error::{Outcome, corrupt};
use crate::tables::{Datatype, Enumeration, Representation};

/// The integers that stand here.
const LOWEST: i64 = -128;
const HIGHEST: i64 = 256;

/// The integers of which CPython has one object each, of so many bytes, one behind the other.
const LOWEST_SINGLE: i64 = -5;
const SINGLES: usize = (HIGHEST - LOWEST_SINGLE + 1) as usize;
const STRIDE: usize = 1 << STRIDE_BITS;
const STRIDE_BITS: u32 = 5;

/// Where the integers stand, behind the two truth values.
const INTEGERS: usize = 2;

/// The objects.
pub struct Shared {
    objects: Vec<Py<PyAny>>,
    first_members: Vec<usize>,
    singles: usize,
}

impl Shared {
    /// Collect the objects.
    pub fn new(py: Python<'_>, enumerations: &[Enumeration]) -> PyResult<Self> {
        let mut objects = vec![
            PyBool::new(py, false).to_owned().into_any().unbind(),
            PyBool::new(py, true).to_owned().into_any().unbind(),
        ];
        for number in LOWEST..=HIGHEST {
            objects.push(number.into_pyobject(py)?.into_any().unbind());
        }
        let address = |number: i64| Some(objects.get(index_of(number))?.as_ptr() as usize);
        let singles = address(LOWEST_SINGLE).unwrap_or_default();
        // An interpreter that keeps them in another way gets no short cut.
        let in_a_row = (LOWEST_SINGLE..=HIGHEST)
            .zip((singles..).step_by(STRIDE))
            .all(|(number, expected)| address(number) == Some(expected));
        let singles = if in_a_row { singles } else { usize::MAX };
        let mut first_members = Vec::new();
        for enumeration in enumerations {
            first_members.push(objects.len());
            objects.extend(enumeration.members.iter().map(|member| member.clone_ref(py)));
        }
        Ok(Shared { objects, first_members, singles })
    }

    /// An object, lent.
    #[inline(always)]
    pub fn get<'a, 'py>(&'a self, py: Python<'py>, index: usize) -> Outcome<&'a Bound<'py, PyAny>> {
        Ok(self.objects.get(index).ok_or_else(corrupt)?.bind(py))
    }

    /// Which of so many objects in a row this is.
    #[inline(always)]
    pub fn position(&self, first: usize, last: usize, object: &Bound<'_, PyAny>) -> Option<u64> {
        let all = self.objects.get(first..=first + last)?;
        all.iter().position(|known| known.is(object)).map(|code| code as u64)
    }

    /// Where the objects stand that the codes of a datatype stand for, and the last code; None where there are none.
    pub fn codes(&self, row: &Datatype) -> Option<(usize, usize)> {
        match row.representation {
            Representation::Boolean => Some((0, 1)),
            Representation::Enumeration => {
                Some((*self.first_members.get(row.enumeration)?, usize::try_from(row.maximum?).ok()?))
            }
            Representation::Offset if row.low >= LOWEST && row.high <= HIGHEST && i128::from(row.low) == row.base => {
                Some((index_of(row.low), usize::try_from(row.high - row.low).ok()?))
            }
            _ => None,
        }
    }

    /// An integer of at most 64 bits.
    #[inline(always)]
    pub fn integer(&self, value: &Bound<'_, PyAny>) -> Option<i64> {
        let distance = (value.as_ptr() as usize).wrapping_sub(self.singles).rotate_right(STRIDE_BITS);
        if distance < SINGLES {
            return Some(distance as i64 + LOWEST_SINGLE);
        }
        value.cast::<PyInt>().ok()?.extract().ok()
    }
}

const fn index_of(number: i64) -> usize {
    INTEGERS + (number - LOWEST) as usize
}
