//! The short cuts of decoding (see [`crate::plan`]): what is usual is read at once, whatever else is left to the walk.

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::PyBool;

use crate::decode::{Decoder, Values, store};
use crate::engine::MAX_DEPTH;
use crate::error::{Failure, Outcome};
use crate::plan::{Action, Place, Quick, RunField};
use crate::tables::Event;

impl<'py> Decoder<'_, '_, 'py> {
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
            && let Some(value) = self.run(quick.subject as usize, width)?
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
            Action::Boolean | Action::Enumeration | Action::Offset => {
                // Characters, value, end, and the end of the parent where nothing else can follow.
                let short = 1 + u32::from(quick.width) + tail;
                let bits = rest >> (64 - short);
                let number = (bits >> tail & !(1 << quick.width)) as i64 + quick.low;
                if bits & u64::from(quick.zeros) != 0 || number > quick.high || !self.reader.has(width + short) {
                    return Ok(Step::Plain);
                }
                let value = match quick.action {
                    Action::Boolean => PyBool::new(self.py, number == 1).to_owned().into_any(),
                    Action::Enumeration => {
                        tables.member(quick.subject as usize + number as usize)?.bind(self.py).clone()
                    }
                    _ => number.into_bound_py_any(self.py)?,
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
    fn run(&mut self, index: usize, skip: u32) -> Outcome<Option<Bound<'py, PyAny>>> {
        let class = self.engine.tables.class(index)?;
        let Some(run) = &class.run else { return Ok(None) };
        let window = self.reader.window_after(skip);
        if window & run.zeros != 0 {
            return Ok(None);
        }
        let mut width = skip + run.width;
        let mut number = 0;
        if run.groups {
            let Some((magnitude, groups_width)) = groups(window << run.width) else { return Ok(None) };
            number = magnitude as i64;
            width += groups_width + 2;
            if window << (run.width + groups_width) >> 62 != 0 {
                return Ok(None);
            }
        }
        if !self.reader.has(width) {
            return Ok(None);
        }
        let object = class.class.bind(self.py);
        let object = match run.fields.as_slice() {
            [a] => {
                let Some(a) = self.run_value(a, window, number)? else { return Ok(None) };
                object.call1((a,))?
            }
            [a, b] => {
                let Some(a) = self.run_value(a, window, number)? else { return Ok(None) };
                let Some(b) = self.run_value(b, window, number)? else { return Ok(None) };
                object.call1((a, b))?
            }
            [a, b, c] => {
                let Some(a) = self.run_value(a, window, number)? else { return Ok(None) };
                let Some(b) = self.run_value(b, window, number)? else { return Ok(None) };
                let Some(c) = self.run_value(c, window, number)? else { return Ok(None) };
                object.call1((a, b, c))?
            }
            [a, b, c, d] => {
                let Some(a) = self.run_value(a, window, number)? else { return Ok(None) };
                let Some(b) = self.run_value(b, window, number)? else { return Ok(None) };
                let Some(c) = self.run_value(c, window, number)? else { return Ok(None) };
                let Some(d) = self.run_value(d, window, number)? else { return Ok(None) };
                object.call1((a, b, c, d))?
            }
            _ => return Ok(None),
        };
        self.reader.position += width as usize;
        Ok(Some(object))
    }

    #[inline(always)]
    fn run_value(&self, field: &RunField, window: u64, number: i64) -> Outcome<Option<Bound<'py, PyAny>>> {
        let bits = (window >> field.shift & ((1 << field.width) - 1)) as i64;
        let number = match field.action {
            Action::Signed => number ^ -bits,
            Action::Unsigned => number,
            _ => bits + field.low,
        };
        if number < field.low || number > field.high {
            return Ok(None);
        }
        Ok(Some(match field.action {
            Action::Boolean => PyBool::new(self.py, number == 1).to_owned().into_any(),
            Action::Enumeration => {
                self.engine.tables.member(field.subject as usize + number as usize)?.bind(self.py).clone()
            }
            _ => number.into_bound_py_any(self.py)?,
        }))
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
