//! Simple values: read into Python objects and held against their facets.

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyInt, PyString};

use crate::error::{Failure, Outcome, corrupt, refuse};
use crate::reader::{Reader, Unsigned};
use crate::tables::{Datatype, Representation, Tables};

/// A string's length is written plus two: 0 and 1 stand for hits in a value table, which is always empty.
pub const STRING_CODES: usize = 2;

const INLINE: usize = 128;

impl Tables {
    /// Read one value and check its facets.
    #[inline]
    pub fn read_value<'py>(
        &self,
        py: Python<'py>,
        reader: &mut Reader<'_>,
        datatype: usize,
    ) -> Outcome<Bound<'py, PyAny>> {
        let row = self.datatype(datatype)?;
        let start = reader.position;
        match row.representation {
            Representation::Boolean | Representation::Enumeration | Representation::Offset => {
                let code = reader.bits(row.width)?;
                self.fixed_value(py, row, code, start)
            }
            Representation::Unsigned => {
                let value = reader.unsigned(row.groups)?;
                integer(py, row, value, false, start)
            }
            Representation::Signed => {
                let negative = reader.bits(1)? == 1;
                let value = reader.unsigned(row.groups)?;
                integer(py, row, value, negative, start)
            }
            Representation::Text => {
                let count = reader.length()?;
                if count < STRING_CODES {
                    return refuse("a hit in a string value table, but value tables are off", start);
                }
                check_length(row, count - STRING_CODES, Some(start))?;
                self.characters(py, reader, count - STRING_CODES)
            }
            Representation::Binary => {
                let count = reader.length()?;
                check_length(row, count, Some(start))?;
                if !reader.has_octets(count) {
                    return refuse(format!("a value of {count} bytes is longer than the data"), reader.position);
                }
                if let (true, Some(bytes)) = (count <= 16, reader.sixteen()) {
                    reader.position += count * 8;
                    return Ok(PyBytes::new(py, bytes.get(..count).unwrap_or_default()).into_any());
                }
                let bytes = PyBytes::new_with(py, count, |target| {
                    reader.copy(target);
                    Ok(())
                })?;
                Ok(bytes.into_any())
            }
        }
    }

    /// The value that a code of fixed width stands for.
    #[inline(always)]
    pub fn fixed_value<'py>(
        &self,
        py: Python<'py>,
        row: &Datatype,
        code: u64,
        start: usize,
    ) -> Outcome<Bound<'py, PyAny>> {
        match row.representation {
            Representation::Boolean => Ok(PyBool::new(py, code == 1).to_owned().into_any()),
            Representation::Enumeration => {
                let members = &self.enumeration(row.enumeration)?.members;
                match members.get(code as usize) {
                    Some(member) => Ok(member.bind(py).clone()),
                    None => refuse(
                        format!("{code} is not the code of an enumeration value (at most {})", members.len() - 1),
                        start,
                    ),
                }
            }
            _ => {
                let value = row.base + i128::from(code);
                check_range(row, value, Some(start))?;
                Ok((value as i64).into_bound_py_any(py)?)
            }
        }
    }

    /// The value of an element without content.
    #[cold]
    pub fn empty_value<'py>(&self, py: Python<'py>, datatype: usize, start: usize) -> Outcome<Bound<'py, PyAny>> {
        let row = self.datatype(datatype)?;
        if self.empty_as_text {
            return refuse(format!("{} knows no escape to an empty value", self.profile), start);
        }
        let value = match row.representation {
            Representation::Text => PyString::new(py, "").into_any(),
            Representation::Binary => PyBytes::new(py, b"").into_any(),
            _ => return refuse("the element is empty, but its type has no empty value", start),
        };
        check_length(row, 0, Some(start))?;
        Ok(value)
    }

    /// Read `count` code points. ASCII, one byte a character, is one shifted copy.
    #[inline]
    fn characters<'py>(&self, py: Python<'py>, reader: &mut Reader<'_>, count: usize) -> Outcome<Bound<'py, PyAny>> {
        let start = reader.position;
        if !reader.has_octets(count) {
            return refuse(format!("a string of {count} characters is longer than the data"), start);
        }
        let mut inline = [0; INLINE];
        let mut heap = Vec::new();
        let target = match inline.get_mut(..count) {
            Some(target) => target,
            None => {
                heap.resize(count, 0);
                heap.as_mut_slice()
            }
        };
        reader.copy(target);
        if target.is_ascii() {
            return Ok(PyString::from_bytes(py, target)?.into_any());
        }
        reader.position = start;
        let text = wide_characters(py, reader, count)?;
        if self.ascii_only {
            return refuse(format!("{} knows ASCII characters only", self.profile), start);
        }
        Ok(text)
    }
}

/// Refuse a string or binary that is too short or too long.
#[inline(always)]
pub fn check_length(row: &Datatype, length: usize, start: Option<usize>) -> Outcome<()> {
    if length < row.shortest || row.longest.is_some_and(|longest| length > longest) {
        return Err(wrong_length(row, length, start));
    }
    Ok(())
}

#[cold]
fn wrong_length(row: &Datatype, length: usize, start: Option<usize>) -> Box<Failure> {
    let (side, limit) = if length < row.shortest {
        ("below the minimum", row.shortest)
    } else {
        ("above the maximum", row.longest.unwrap_or_default())
    };
    Failure::new(format!("length {length} is {side} {limit}"), start)
}

/// Refuse an integer outside its facets.
#[inline(always)]
pub fn check_range(row: &Datatype, value: i128, start: Option<usize>) -> Outcome<()> {
    if row.minimum.is_some_and(|minimum| value < minimum) || row.maximum.is_some_and(|maximum| value > maximum) {
        return Err(out_of_range(row, value, start));
    }
    Ok(())
}

#[cold]
fn out_of_range(row: &Datatype, value: i128, start: Option<usize>) -> Box<Failure> {
    beyond(row, &value.to_string(), row.minimum.is_some_and(|minimum| value < minimum), start)
}

/// Say that an integer, already in words, is outside its facets.
#[cold]
fn beyond(row: &Datatype, shown: &str, below: bool, start: Option<usize>) -> Box<Failure> {
    let (side, limit) = if below { ("below the minimum", row.minimum) } else { ("above the maximum", row.maximum) };
    Failure::new(format!("{shown} is {side} {}", limit.unwrap_or_default()), start)
}

#[inline(always)]
fn integer<'py>(
    py: Python<'py>,
    row: &Datatype,
    value: Unsigned,
    negative: bool,
    start: usize,
) -> Outcome<Bound<'py, PyAny>> {
    match value {
        Unsigned::Small(value) => {
            let value = value as i128;
            let value = if negative { -1 - value } else { value };
            check_range(row, value, Some(start))?;
            match i64::try_from(value) {
                Ok(value) => Ok(value.into_bound_py_any(py)?),
                Err(_) => Ok(value.into_bound_py_any(py)?),
            }
        }
        Unsigned::Large(groups) => large_integer(py, row, &groups, negative, start),
    }
}

#[cold]
#[inline(never)]
fn large_integer<'py>(
    py: Python<'py>,
    row: &Datatype,
    groups: &[u8],
    negative: bool,
    start: usize,
) -> Outcome<Bound<'py, PyAny>> {
    let mut bytes = vec![0_u8; groups.len()];
    let mut significant = 0;
    for (place, group) in groups.iter().enumerate() {
        for bit in (0..7).filter(|bit| group >> bit & 1 == 1) {
            let at = place * 7 + bit;
            *bytes.get_mut(at / 8).ok_or_else(corrupt)? |= 1 << (at % 8);
            significant = at + 1;
        }
    }
    // Leading zero groups may hide a small value.
    if significant <= 126 {
        let value = groups.iter().take(18).rev().fold(0, |value: u128, group| value << 7 | u128::from(*group));
        return integer(py, row, Unsigned::Small(value), negative, start);
    }
    let magnitude = py.get_type::<PyInt>().call_method1("from_bytes", (PyBytes::new(py, &bytes), "little"))?;
    let value = if negative { magnitude.bitxor(-1)? } else { magnitude };
    check_large(row, &value, Some(start))?;
    Ok(value)
}

/// Refuse an integer beyond 127 bits that is outside its facets, or longer than any may be.
#[cold]
pub fn check_large(row: &Datatype, value: &Bound<'_, PyAny>, start: Option<usize>) -> Outcome<()> {
    let length: u32 = value.call_method0("bit_length")?.extract()?;
    if length > row.longest_integer {
        return Err(Failure::new(format!("an integer longer than {} bits", row.longest_integer), start));
    }
    let negative = value.lt(0)?;
    if if negative { row.minimum } else { row.maximum }.is_some() {
        return Err(beyond(row, &value.str()?.to_string(), negative, start));
    }
    Ok(())
}

#[cold]
#[inline(never)]
fn wide_characters<'py>(py: Python<'py>, reader: &mut Reader<'_>, count: usize) -> Outcome<Bound<'py, PyAny>> {
    let mut text = String::with_capacity(count);
    for _ in 0..count {
        let at = reader.position;
        let code = match reader.unsigned(3)? {
            Unsigned::Small(code) => code as u32,
            Unsigned::Large(_) => u32::MAX,
        };
        match char::from_u32(code) {
            Some(character) => text.push(character),
            None => return refuse(format!("{code:#x} is not a character"), at),
        }
    }
    Ok(PyString::new(py, &text).into_any())
}
