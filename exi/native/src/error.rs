//! What goes wrong, with the place where it went wrong.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyType};

/// A refusal on its way up, or an exception of Python's own (out of memory, say).
pub enum Failure {
    /// The bytes or the message do not fit the schema.
    Refused {
        /// What is wrong.
        reason: String,
        /// The steps of the path, the innermost first.
        steps: Vec<String>,
        /// Where decoding stood.
        bit_offset: Option<usize>,
    },
    /// Python raised.
    Raised(PyErr),
}

/// The result of every step of the engine; the error is boxed to keep the good case small.
pub type Outcome<T> = Result<T, Box<Failure>>;

impl Failure {
    /// A refusal without a path yet.
    #[cold]
    pub fn new(reason: impl Into<String>, bit_offset: Option<usize>) -> Box<Self> {
        Box::new(Failure::Refused { reason: reason.into(), steps: Vec::new(), bit_offset })
    }

    /// Put one more step in front of the path.
    #[cold]
    pub fn within(mut self: Box<Self>, step: impl Into<String>) -> Box<Self> {
        if let Failure::Refused { steps, .. } = &mut *self {
            steps.push(step.into());
        }
        self
    }
}

/// Refuse with a bit offset.
#[cold]
pub fn refuse<T>(reason: impl Into<String>, bit_offset: usize) -> Outcome<T> {
    Err(Failure::new(reason, Some(bit_offset)))
}

/// Refuse a message that is being encoded.
#[cold]
pub fn unfit<T>(reason: impl Into<String>) -> Outcome<T> {
    Err(Failure::new(reason, None))
}

/// The text of a value that may be anything, for a reason; a lone surrogate is escaped.
#[cold]
pub fn shown(value: &Bound<'_, PyAny>) -> String {
    let escaped = || {
        let text = value.str()?;
        if let Ok(text) = text.to_str() {
            return Ok::<_, PyErr>(text.into());
        }
        let bytes = text.call_method1("encode", ("utf-8", "backslashreplace"))?;
        Ok(String::from_utf8_lossy(bytes.cast::<PyBytes>()?.as_bytes()).into_owned())
    };
    escaped().unwrap_or_else(|_| "?".into())
}

/// Tables that contradict themselves: they were checked when they were loaded, so this is never seen.
#[cold]
pub fn corrupt() -> Box<Failure> {
    Failure::new("the tables are corrupt", None)
}

impl From<PyErr> for Box<Failure> {
    #[cold]
    fn from(error: PyErr) -> Self {
        Box::new(Failure::Raised(error))
    }
}

static EXI_ERROR: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// The exception to raise in Python.
#[cold]
pub fn raised(py: Python<'_>, failure: Failure) -> PyErr {
    match failure {
        Failure::Raised(error) => error,
        Failure::Refused { reason, steps, bit_offset } => {
            let path: String = steps.iter().rev().flat_map(|step| ["/", step.as_str()]).collect();
            match EXI_ERROR.import(py, "exi.errors", "ExiError") {
                Ok(class) => match class.call1((reason, path, bit_offset)) {
                    Ok(instance) => PyErr::from_value(instance),
                    Err(error) => error,
                },
                Err(error) => error,
            }
        }
    }
}
