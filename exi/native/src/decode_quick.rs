//! The short cuts of decoding (see [`crate::plan`]): what is usual is read at once, whatever else is left to the walk.

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;

use crate::decode::{Decoder, Values, store};
use crate::engine::MAX_DEPTH;
use crate::error::{Failure, Outcome};
use crate::plan::{Action, MAX_RUN, Place, Quick, RunField};
use crate::tables::Event;

/// The most bits before a run that leave enough of the 57 that a word has for certain: the groups take 24.
const MOST_SKIPPED: u32 = 57 - MAX_RUN - 24;

/// Make an object of a run, with an arm for each number of fields.
macro_rules! called {
    ($self:ident, $window:ident, $class:ident, $fields:expr, $([$($name:ident)*] => $arguments:expr),*) => {
        match $fields {
            $([$($name),*] => {
                $(let Some($name) = $self.shared($name, $window)? else { return Ok(None) };)*
                $class.call1($arguments)?
            })*
            _ => return Ok(None),
        }
    };
}

impl<'e, 'py> Decoder<'e, '_, 'py> {
    /// Take the short cut of a production, or change nothing and leave it to the plain walk.
    #[inline(always)]
    pub fn quick(
        &mut self,
        place: &Place,
        quick: &Quick,
        code: usize,
        window: u64,
        values: &mut Values<'py>,
        depth: usize,
    ) -> Outcome<Step> {
        let tables = &self.engine.tables;
        let width = u32::from(place.width);
        let tail = u32::from(quick.tail);
        let rest = window << width;
        if quick.action == Action::Run
            && let Some(value) = self.run(quick.subject as usize, width, rest)?
        {
            store(values, quick.field.into(), value)?;
            return Ok(Step::Next);
        }
        let value = match quick.action {
            Action::Plain => return Ok(Step::Plain),
            Action::End => {
                if !self.reader.has(width) {
                    return Ok(Step::Plain);
                }
                self.reader.position += width as usize;
                return Ok(Step::Over);
            }
            Action::Member | Action::Small | Action::Offset => {
                // Characters, value, end, and the end of the parent where nothing else can follow.
                let short = 1 + u32::from(quick.width) + tail;
                let bits = rest >> (64 - short);
                if bits & u64::from(quick.zeros) != 0 || !self.reader.has(width + short) {
                    return Ok(Step::Plain);
                }
                let code = bits >> tail;
                let value = if quick.action != Action::Offset {
                    if code > u64::from(quick.last) {
                        return Ok(Step::Plain);
                    }
                    tables.shared.get(self.py, quick.subject as usize + code as usize)?.clone()
                } else {
                    let number = code as i64 + quick.low;
                    if number > quick.high {
                        return Ok(Step::Plain);
                    }
                    number.into_bound_py_any(self.py)?
                };
                self.reader.position += (width + short) as usize;
                store(values, quick.field.into(), value)?;
                return Ok(if tail > 1 { Step::Over } else { Step::Next });
            }
            Action::Unsigned | Action::Signed => {
                let sign_width = u32::from(quick.action == Action::Signed);
                let sign = (rest << 1 >> 63 & u64::from(sign_width)) as i64;
                let Some((magnitude, groups_width)) = groups(rest << (1 + sign_width)) else { return Ok(Step::Plain) };
                let number = magnitude as i64 ^ -sign;
                let short = 1 + sign_width + groups_width + tail;
                let bits = rest >> (64 - short);
                let zeros = 1 << (short - 1) | ((1 << tail) - 1);
                if bits & zeros != 0
                    || number < quick.low
                    || number > quick.high
                    || width + short > 57
                    || !self.reader.has(width + short)
                {
                    return Ok(Step::Plain);
                }
                self.reader.position += (width + short) as usize;
                store(values, quick.field.into(), number.into_bound_py_any(self.py)?)?;
                return Ok(if tail > 1 { Step::Over } else { Step::Next });
            }
            _ if !self.reader.has(width) => return Ok(Step::Plain),
            Action::Class | Action::Run => {
                if depth + 1 >= MAX_DEPTH {
                    return Ok(Step::Plain);
                }
                self.reader.position += width as usize;
                match self.class(quick.subject as usize, depth + 1) {
                    Ok(value) => value,
                    Err(failure) => return Err(self.within_child(failure, place, code)),
                }
            }
            Action::Long => {
                if rest >> 63 != 0 {
                    return Ok(Step::Plain);
                }
                self.reader.position += width as usize;
                match self.simple(quick.subject as usize) {
                    Ok(value) => value,
                    Err(failure) => return Err(self.within_child(failure, place, code)),
                }
            }
            Action::Attribute => {
                self.reader.position += width as usize;
                match tables.read_value(self.py, &mut self.reader, quick.subject as usize) {
                    Ok(value) => value,
                    Err(failure) => return Err(self.within_child(failure, place, code)),
                }
            }
            Action::Text => {
                self.reader.position += width as usize;
                tables.read_value(self.py, &mut self.reader, quick.subject as usize)?
            }
        };
        store(values, quick.field.into(), value)?;
        Ok(Step::Next)
    }

    /// Read a class whose fields are all short, `skip` bits on; None where anything is unusual.
    #[inline(always)]
    fn run(&mut self, index: usize, skip: u32, rest: u64) -> Outcome<Option<Bound<'py, PyAny>>> {
        let class = self.engine.tables.class(index)?;
        let Some(run) = &class.run else { return Ok(None) };
        let window = if skip <= MOST_SKIPPED { rest } else { self.reader.window_after(skip) };
        if window & run.zeros != 0 {
            return Ok(None);
        }
        let mut width = skip + run.width;
        let (object, py) = (class.class.bind(self.py), self.py);
        let made = if run.groups {
            let Some((fields, last)) = run.fields.split_last().map(|(last, fields)| (fields, last)) else {
                return Ok(None);
            };
            let Some((magnitude, groups_width)) = groups(window << run.width) else { return Ok(None) };
            width += groups_width + 2;
            // The ends of the last field and of the class.
            if window << (run.width + groups_width) >> 62 != 0 || !self.reader.has(width) {
                return Ok(None);
            }
            let sign = if last.action == Action::Signed { window << (run.width - 1) >> 63 } else { 0 };
            let number = (magnitude ^ sign.wrapping_neg()) as i64;
            if number < last.low || number > last.high {
                return Ok(None);
            }
            let number = number.into_bound_py_any(py)?;
            called!(self, window, object, fields,
                [] => (&number,), [a] => (a, &number), [a b] => (a, b, &number), [a b c] => (a, b, c, &number))
        } else {
            if !self.reader.has(width) {
                return Ok(None);
            }
            called!(self, window, object, run.fields.as_slice(),
                [a] => (a,), [a b] => (a, b), [a b c] => (a, b, c), [a b c d] => (a, b, c, d))
        };
        self.reader.position += width as usize;
        Ok(Some(made))
    }

    /// The object that a short field of a run stands for, lent.
    #[inline(always)]
    fn shared(&self, field: &RunField, window: u64) -> Outcome<Option<&'e Bound<'py, PyAny>>> {
        let code = window >> field.shift & field.mask;
        if code > u64::from(field.last) {
            return Ok(None);
        }
        Ok(Some(self.engine.tables.shared.get(self.py, field.subject as usize + code as usize)?))
    }

    /// Name the child that a failure comes from.
    #[cold]
    #[inline(never)]
    fn within_child(&self, failure: Box<Failure>, place: &Place, code: usize) -> Box<Failure> {
        let tables = &self.engine.tables;
        match tables.productions_of(place.state as usize).get(code) {
            Some(production) if production.event == Event::Attribute => {
                failure.within(format!("@{}", tables.attribute_local(production.index())))
            }
            Some(production) => failure.within(tables.local(production.index())),
            None => failure,
        }
    }
}

/// Up to three groups of seven bits at the top of a word, and their width.
#[inline(always)]
fn groups(window: u64) -> Option<(u64, u32)> {
    let first = window >> 56;
    if first < 0x80 {
        return Some((first, 8));
    }
    let second = window >> 48 & 0xff;
    if second < 0x80 {
        return Some((first & 0x7f | second << 7, 16));
    }
    let third = window >> 40 & 0xff;
    if third < 0x80 {
        return Some((first & 0x7f | (second & 0x7f) << 7 | third << 14, 24));
    }
    None
}

/// What became of a short cut.
pub enum Step {
    /// It was taken; the state that it leads to follows.
    Next,
    /// It was taken; the element is over.
    Over,
    /// It was not taken.
    Plain,
}
