//! The short cuts of encoding (see [`crate::plan`]): what fits is written at once, whatever else is left to the walk.

use std::ops::Deref;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use crate::encode::Encoder;
use crate::engine::{Engine, MAX_DEPTH};
use crate::error::{Failure, Outcome, corrupt};
use crate::plan::{Action, Place, Run, RunField};
use crate::tables::{Class, Datatype, Representation};
use crate::values::STRING_CODES;

/// The text of a string that is ASCII.
#[inline(always)]
fn ascii<'a>(value: &'a Bound<'_, PyAny>) -> Option<&'a str> {
    value.cast::<PyString>().ok()?.to_str().ok().filter(|text| text.is_ascii())
}

#[inline(always)]
fn fits_length(row: &Datatype, count: usize) -> bool {
    count >= row.shortest && row.longest.is_none_or(|longest| count <= longest)
}

impl<'e, 'py> Encoder<'e, 'py> {
    /// Take the short cut of a field's production and return what follows; or write nothing and leave it to the plain
    /// walk, which also has the words for what does not fit.
    #[inline]
    pub fn quick(
        &mut self,
        place: &Place,
        field: usize,
        held: &Bound<'py, PyAny>,
        depth: usize,
    ) -> Outcome<Option<&'e Place>> {
        let tables = &self.engine.tables;
        let Some((mut code, mut quick)) = tables.quick_of_field(place, field) else { return Ok(None) };
        let width = u32::from(place.width);
        match quick.action {
            Action::Run | Action::Class => {
                let mut class = tables.class(quick.subject as usize)?;
                if !self.is_a(held, class) {
                    // A substitution group.
                    let found = tables.code_of_type(place, held.get_type_ptr() as usize);
                    match found.and_then(|found| Some((found, tables.quick_at(place, found)?))) {
                        Some((found, other)) if usize::from(other.field) == field => (code, quick) = (found, other),
                        _ => return Ok(None),
                    }
                    class = tables.class(quick.subject as usize)?;
                    if !self.is_a(held, class) {
                        return Ok(None);
                    }
                }
                if let Some(run) = &class.run
                    && self.run(class, run, held, code as u64, width)?
                {
                    return Ok(Some(&quick.next));
                }
                if depth + 1 >= MAX_DEPTH {
                    return Ok(None);
                }
                self.writer.bits(code as u64, width);
                if let Err(failure) = self.class(quick.subject as usize, held, depth + 1) {
                    return Err(self.within_child(failure, place, code));
                }
            }
            Action::Member | Action::Small | Action::Offset => {
                let Some(value) = self.short(quick.action, held, quick.low, quick.high, quick.subject, quick.last)
                else {
                    return Ok(None);
                };
                let value_width = u32::from(quick.width);
                let bits = (code as u64) << (value_width + 2) | value << 1;
                self.writer.bits(bits, width + value_width + 2);
            }
            Action::Unsigned | Action::Signed => {
                let Some(number) =
                    tables.shared.integer(held).filter(|number| *number >= quick.low && *number <= quick.high)
                else {
                    return Ok(None);
                };
                let sign_width = u32::from(quick.action == Action::Signed);
                let head = (code as u64) << (1 + sign_width) | u64::from(number < 0);
                self.writer.groups_between(head, width + 1 + sign_width, number, 1);
            }
            Action::Long => {
                let row = tables.datatype(quick.datatype as usize)?;
                if row.representation == Representation::Text {
                    let Some(text) = ascii(held) else { return Ok(None) };
                    if text.is_empty() || !fits_length(row, text.len()) {
                        return Ok(None);
                    }
                    self.long(code, width, text.len() + STRING_CODES, text.as_bytes());
                } else {
                    let Ok(bytes) = held.cast_exact::<PyBytes>() else { return Ok(None) };
                    let bytes = bytes.as_bytes();
                    if bytes.is_empty() || !fits_length(row, bytes.len()) {
                        return Ok(None);
                    }
                    self.long(code, width, bytes.len(), bytes);
                }
            }
            Action::Attribute => {
                let Some(text) = ascii(held) else { return Ok(None) };
                let row = tables.datatype(quick.datatype as usize)?;
                if row.representation != Representation::Text || !fits_length(row, text.len()) {
                    return Ok(None);
                }
                self.writer.bits(code as u64, width);
                self.writer.unsigned((text.len() + STRING_CODES) as u64);
                self.writer.octets(text.as_bytes());
            }
            Action::Text | Action::Plain | Action::End => return Ok(None),
        }
        Ok(Some(&quick.next))
    }

    /// Write event code, start of characters, a length, what it is the length of, and the end of the element.
    #[inline(always)]
    fn long(&mut self, code: usize, width: u32, length: usize, data: &[u8]) {
        self.writer.groups_between((code as u64) << 1, width + 1, length as i64, 0);
        self.writer.octets(data);
        self.writer.bits(0, 1);
    }

    /// Write event code and content of a class whose fields are all short; false, and nothing is written, where
    /// anything is unusual.
    #[inline(always)]
    fn run(&mut self, class: &Class, run: &Run, value: &Bound<'py, PyAny>, code: u64, width: u32) -> Outcome<bool> {
        let mut written = Written { bits: 0, last: None };
        let fields = Fields::of(self.engine, class, value)?;
        for (index, field) in run.fields.iter().enumerate() {
            let held = fields.get(index)?;
            if !self.run_field(field, &held, &mut written) {
                return Ok(false);
            }
        }
        let bits = code << run.width | written.bits >> (64 - run.width);
        match written.last {
            Some(number) => self.writer.groups_between(bits, width + run.width, number, 2),
            None => self.writer.bits(bits, width + run.width),
        }
        Ok(true)
    }

    /// Collect one field of a run; false where it is unusual.
    #[inline(always)]
    fn run_field(&self, field: &RunField, held: &Bound<'py, PyAny>, written: &mut Written) -> bool {
        if matches!(field.action, Action::Signed | Action::Unsigned) {
            let number = self.engine.tables.shared.integer(held);
            let Some(number) = number.filter(|number| *number >= field.low && *number <= field.high) else {
                return false;
            };
            written.bits |= u64::from(number < 0) << field.shift;
            written.last = Some(number);
            return true;
        }
        match self.short(field.action, held, field.low, field.high, field.subject, field.last) {
            Some(code) => {
                written.bits |= code << field.shift;
                true
            }
            None => false,
        }
    }

    /// The code of a value of fixed width.
    #[inline(always)]
    fn short(
        &self,
        action: Action,
        held: &Bound<'py, PyAny>,
        low: i64,
        high: i64,
        first: u32,
        last: u32,
    ) -> Option<u64> {
        let shared = &self.engine.tables.shared;
        if action == Action::Member {
            // By identity: hash and equality of an enumeration's member are written in Python.
            return shared.position(first as usize, last as usize, held);
        }
        let number = shared.integer(held)?;
        (number >= low && number <= high).then(|| number.wrapping_sub(low) as u64)
    }

    /// Name the child that a failure comes from.
    #[cold]
    #[inline(never)]
    fn within_child(&self, failure: Box<Failure>, place: &Place, code: usize) -> Box<Failure> {
        let tables = &self.engine.tables;
        match tables.productions_of(place.state as usize).get(code) {
            Some(production) => failure.within(tables.local(production.index())),
            None => failure,
        }
    }
}

/// What the fields of a run come to.
struct Written {
    /// The fields before the groups, at the top.
    bits: u64,
    /// The integer in groups.
    last: Option<i64>,
}

/// The fields of an object.
pub enum Fields<'py> {
    /// The only one; one call for all of them costs less from two on.
    One(Bound<'py, PyAny>),
    /// All of them.
    All(Bound<'py, PyTuple>),
    /// There are none.
    Nothing,
}

impl<'py> Fields<'py> {
    /// Read the fields of an object.
    #[inline(always)]
    pub fn of(engine: &Engine, class: &Class, value: &Bound<'py, PyAny>) -> Outcome<Self> {
        match class.fields.as_slice() {
            [] => Ok(Fields::Nothing),
            [row] => Ok(Fields::One(value.getattr(row.name.bind(value.py()))?)),
            _ => Ok(Fields::All(engine.astuple(value.py(), value)?)),
        }
    }

    /// A field by its index, lent.
    #[inline(always)]
    pub fn get(&self, index: usize) -> Outcome<impl Deref<Target = Bound<'py, PyAny>>> {
        match self {
            #[cfg(feature = "abi3")]
            Fields::One(own) => Ok(own.as_borrowed()),
            #[cfg(not(feature = "abi3"))]
            Fields::One(own) => Ok(own),
            #[cfg(feature = "abi3")]
            Fields::All(tuple) => Ok(tuple.get_borrowed_item(index)?),
            #[cfg(not(feature = "abi3"))]
            Fields::All(tuple) => tuple.as_slice().get(index).ok_or_else(corrupt),
            Fields::Nothing => Err(corrupt()),
        }
    }
}
