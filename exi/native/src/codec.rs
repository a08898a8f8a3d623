//! `exi.encode` and `exi.decode` without a Python frame between the caller and the engine.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict};

use crate::engine::Engine;

/// A message set and its engine, found by address: a look-up in a dictionary takes longer than a small object's fields.
struct Known {
    schema: Py<PyAny>,
    engine: Py<Engine>,
}

/// So many message sets are found by address.
const MOST_KNOWN: usize = 16;

/// The two functions that every message goes through. Engines are made by `engine_of`, message sets of root classes
/// found by `schema_of`, at the first call for each.
#[pyclass(frozen, module = "exi._native")]
pub struct Codec {
    engine_of: Py<PyAny>,
    schema_of: Py<PyAny>,
    known: [PyOnceLock<Known>; MOST_KNOWN],
    engines: Py<PyDict>,
    by_class: Py<PyDict>,
}

#[pymethods]
impl Codec {
    #[new]
    fn new(py: Python<'_>, engine_of: Py<PyAny>, schema_of: Py<PyAny>) -> Self {
        Codec {
            engine_of,
            schema_of,
            known: [const { PyOnceLock::new() }; MOST_KNOWN],
            engines: PyDict::new(py).unbind(),
            by_class: PyDict::new(py).unbind(),
        }
    }

    /// Encode a document. ``schema`` None: the set that the root's class belongs to.
    ///
    /// Raises ExiError where the message does not fit its schema.
    #[pyo3(signature = (message, schema=None, profile=None))]
    fn encode<'py>(
        &self,
        py: Python<'py>,
        message: &Bound<'py, PyAny>,
        schema: Option<&Bound<'py, PyAny>>,
        profile: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        if let Some(profile) = profile {
            let schema = match schema {
                Some(schema) => schema.clone(),
                None => self.schema_of.bind(py).call1((message.get_type(),))?,
            };
            return self.profiled(py, &schema, profile)?.get().encode_document(py, message);
        }
        let engine = match schema {
            Some(schema) => self.engine(py, schema)?,
            None => {
                let class = message.get_type();
                match self.by_class.bind(py).get_item(&class)? {
                    Some(engine) => engine.cast_into::<Engine>()?,
                    None => {
                        let engine = self.engine(py, &self.schema_of.bind(py).call1((&class,))?)?;
                        self.by_class.bind(py).set_item(class, &engine)?;
                        engine
                    }
                }
            }
        };
        engine.get().encode_document(py, message)
    }

    /// Decode a document and return its root element's value.
    ///
    /// Any byte string gives a value or an ExiError with path and bit offset.
    #[pyo3(signature = (data, schema, profile=None))]
    fn decode<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        schema: &Bound<'py, PyAny>,
        profile: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let Some(profile) = profile {
            return self.profiled(py, schema, profile)?.get().decode_document(py, data);
        }
        self.engine(py, schema)?.get().decode_document(py, data)
    }
}

impl Codec {
    /// The engine of a message set with the departures of a profile; `engine_of` keeps it.
    #[cold]
    fn profiled<'py>(
        &self,
        py: Python<'py>,
        schema: &Bound<'py, PyAny>,
        profile: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, Engine>> {
        Ok(self.engine_of.bind(py).call1((schema, profile))?.cast_into::<Engine>()?)
    }

    #[inline]
    fn engine<'py>(&self, py: Python<'py>, schema: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Engine>> {
        for slot in &self.known {
            match slot.get(py) {
                Some(known) if known.schema.is(schema) => return Ok(known.engine.bind(py).clone()),
                Some(_) => {}
                None => break,
            }
        }
        self.other_engine(py, schema)
    }

    #[cold]
    #[inline(never)]
    fn other_engine<'py>(&self, py: Python<'py>, schema: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Engine>> {
        let engines = self.engines.bind(py);
        if let Some(engine) = engines.get_item(schema)? {
            return Ok(engine.cast_into::<Engine>()?);
        }
        let engine = self.engine_of.bind(py).call1((schema,))?.cast_into::<Engine>()?;
        engines.set_item(schema, &engine)?;
        let mut known = Known { schema: schema.clone().unbind(), engine: engine.clone().unbind() };
        for slot in &self.known {
            match slot.set(py, known) {
                Ok(()) => break,
                Err(back) => known = back,
            }
        }
        Ok(engine)
    }
}
