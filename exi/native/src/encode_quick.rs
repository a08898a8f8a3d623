//! The short cuts of encoding (see [`crate::plan`]): what fits is written at once, whatever else is left to the walk.

use std::ops::Deref;

#[cfg(feature = "abi3")]
use pyo3::Borrowed;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyInt, PyString, PyTuple};

use crate::encode::Encoder;
use crate::engine::MAX_DEPTH;
use crate::error::{Failure, Outcome};
use crate::plan::{Action, Place, Run};
use crate::tables::{Class, Datatype, Field, Representation};
use crate::values::STRING_CODES;

/// An integer of at most 64 bits.
#[inline(always)]
fn small_integer(value: &Bound<'_, PyAny>) -> Option<i64> {
    value.cast::<PyInt>().ok()?.extract().ok()
}

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
                    let found = self.class_of(held).and_then(|class| tables.code_of_class(place, class));
                    match found.and_then(|found| Some((found, tables.quick_at(place, found)?))) {
                        Some((found, other)) if usize::from(other.field) == field => (code, quick) = (found, other),
                        _ => return Ok(None),
                    }
                    class = tables.class(quick.subject as usize)?;
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
            Action::Boolean | Action::Enumeration | Action::Offset => {
                let Some(value) = self.short(quick.action, held, quick.low, quick.high, quick.enumeration) else {
                    return Ok(None);
                };
                let value_width = u32::from(quick.width);
                let bits = (code as u64) << (value_width + 2) | value << 1;
                self.writer.bits(bits, width + value_width + 2);
            }
            Action::Unsigned | Action::Signed => {
                let Some(number) = small_integer(held).filter(|number| *number >= quick.low && *number <= quick.high)
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
                    self.writer.bits((code as u64) << 1, width + 1);
                    self.writer.unsigned((text.len() + STRING_CODES) as u64);
                    self.writer.octets(text.as_bytes());
                } else {
                    let Ok(bytes) = held.cast_exact::<PyBytes>() else { return Ok(None) };
                    let bytes = bytes.as_bytes();
                    if bytes.is_empty() || !fits_length(row, bytes.len()) {
                        return Ok(None);
                    }
                    self.writer.bits((code as u64) << 1, width + 1);
                    self.writer.unsigned(bytes.len() as u64);
                    self.writer.octets(bytes);
                }
                self.writer.bits(0, 1);
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

    /// Get at the fields of an object.
    #[inline(always)]
    pub fn fields<'a>(&self, class: &Class, value: &'a Bound<'py, PyAny>) -> Outcome<Fields<'a, 'py>> {
        if class.fields.len() < MANY {
            return Ok(Fields::Object(value));
        }
        Ok(Fields::Tuple(self.engine.astuple(self.py, value)?))
    }

    /// Write event code and content of a class whose fields are all short; false, and nothing is written, where
    /// anything is unusual.
    #[inline(always)]
    fn run(&mut self, class: &'e Class, run: &Run, value: &Bound<'py, PyAny>, code: u64, width: u32) -> Outcome<bool> {
        let mut bits = 0;
        let mut last = None;
        let fields = self.fields(class, value)?;
        for (index, (field, row)) in run.fields.iter().zip(&class.fields).enumerate() {
            let held = fields.get(row, index)?;
            match field.action {
                Action::Signed | Action::Unsigned => {
                    let Some(number) = small_integer(&held) else { return Ok(false) };
                    if number < field.low || number > field.high {
                        return Ok(false);
                    }
                    bits |= u64::from(number < 0) << field.shift;
                    last = Some(number);
                }
                action => {
                    let Some(value) = self.short(action, &held, field.low, field.high, field.enumeration) else {
                        return Ok(false);
                    };
                    bits |= value << field.shift;
                }
            }
        }
        let bits = code << run.width | bits >> (64 - run.width);
        match last {
            Some(number) => self.writer.groups_between(bits, width + run.width, number, 2),
            None => self.writer.bits(bits, width + run.width),
        }
        Ok(true)
    }

    /// The code of a value of fixed width.
    #[inline(always)]
    fn short(&self, action: Action, held: &Bound<'py, PyAny>, low: i64, high: i64, enumeration: u32) -> Option<u64> {
        match action {
            Action::Boolean => Some(held.cast::<PyBool>().ok()?.is_true().into()),
            // Members are compared by identity: their hash and equality are written in Python.
            Action::Enumeration => {
                let members = &self.engine.tables.enumeration(enumeration as usize).ok()?.members;
                members.iter().position(|member| member.is(held)).map(|code| code as u64)
            }
            _ => {
                let number = small_integer(held)?;
                (number >= low && number <= high).then(|| number.wrapping_sub(low) as u64)
            }
        }
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

/// From so many fields on, one call for all of them costs less than asking for each.
const MANY: usize = 2;

/// The fields of an object.
pub enum Fields<'a, 'py> {
    /// Each is asked for.
    Object(&'a Bound<'py, PyAny>),
    /// All are here.
    Tuple(Bound<'py, PyTuple>),
}

/// One field of an object, its own reference or the tuple's.
pub enum Held<'a, 'py> {
    /// A reference of its own.
    Own(Bound<'py, PyAny>),
    /// The tuple's.
    #[cfg(feature = "abi3")]
    Lent(Borrowed<'a, 'py, PyAny>),
    /// The tuple's.
    #[cfg(not(feature = "abi3"))]
    Lent(&'a Bound<'py, PyAny>),
}

impl<'py> Deref for Held<'_, 'py> {
    type Target = Bound<'py, PyAny>;

    #[inline(always)]
    fn deref(&self) -> &Self::Target {
        match self {
            Held::Own(own) => own,
            Held::Lent(lent) => lent,
        }
    }
}

impl<'py> Fields<'_, 'py> {
    /// A field by its index.
    #[inline(always)]
    pub fn get(&self, row: &Field, index: usize) -> Outcome<Held<'_, 'py>> {
        match self {
            Fields::Object(object) => Ok(Held::Own(object.getattr(row.name.bind(object.py()))?)),
            #[cfg(feature = "abi3")]
            Fields::Tuple(tuple) => Ok(Held::Lent(tuple.get_borrowed_item(index)?)),
            #[cfg(not(feature = "abi3"))]
            Fields::Tuple(tuple) => Ok(Held::Lent(tuple.as_slice().get(index).ok_or_else(crate::error::corrupt)?)),
        }
    }
}
