//! The engine of one message set, as Python sees it, and what both directions share.

use std::cell::Cell;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use crate::decode::Decoder;
use crate::encode::Encoder;
use crate::error::{Failure, Outcome, corrupt, raised, refuse, unfit};
use crate::tables::{Class, Event, Mode, Next, Production, Representation, Tables};
use crate::values::check_length;

/// The EXI header: distinguishing bits, no options, final version 1 [V2G2-099].
pub const HEADER: u8 = 0x80;

/// Deepest nesting of elements; only wildcards could nest without end.
pub const MAX_DEPTH: usize = 64;

/// What the element fragment grammar needs to know of a field: see [`Engine::subjects`].
pub struct Subject {
    /// Attribute or text.
    pub event: Event,
    /// The attribute, or the text's datatype.
    pub subject: usize,
    /// The field.
    pub field: usize,
    /// It may be absent.
    pub optional: bool,
}

impl Subject {
    /// Tell whether this is a certain attribute.
    pub fn is_attribute(&self, attribute: usize) -> bool {
        self.event == Event::Attribute && self.subject == attribute
    }
}

/// Encodes and decodes the documents and fragments of one message set.
#[pyclass(frozen, module = "exi._native")]
pub struct Engine {
    /// What the engine walks.
    pub tables: Tables,
    source: Py<PyAny>,
    values: PyOnceLock<Py<PyAny>>,
    astuple: Py<PyAny>,
}

/// Bytes of memory that are kept for the next message.
const MOST_KEPT: usize = 1 << 18;

thread_local! {
    /// The memory that the last message was written to.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

static ITEM: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

#[pymethods]
impl Engine {
    /// Read the tables. Raises ValueError where they contradict themselves.
    #[new]
    fn new(tables: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Engine {
            tables: Tables::read(tables)?,
            source: tables.clone().unbind(),
            values: PyOnceLock::new(),
            astuple: tables.py().import("msgspec.structs")?.getattr("astuple")?.unbind(),
        })
    }

    /// The tables that this engine walks.
    #[getter]
    fn tables<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.source.bind(py)
    }

    /// Return the root element's value, as an `Item` where the value does not name it. Raises ExiError.
    pub fn decode_document<'py>(&self, py: Python<'py>, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        with_bytes(data, |bytes, length| Decoder::open(self, py, bytes, length)?.document())
    }

    /// Return a fragment's only element as an `Item`: its name and its value. Raises ExiError.
    fn decode_fragment<'py>(&self, py: Python<'py>, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        with_bytes(data, |bytes, length| {
            let (element, value) = Decoder::open(self, py, bytes, length)?.fragment()?;
            self.make_item(py, element, &value)
        })
    }

    /// Return the document whose root element has the value's class, or an `Item`'s name. Raises ExiError.
    pub fn encode_document<'py>(&self, py: Python<'py>, message: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        self.encode(py, |encoder| encoder.document(message))
    }

    /// Return the fragment of one element. Raises ExiError.
    ///
    /// `name` is the element's local name, `uri` its namespace; what is not given is found by the value's class.
    #[pyo3(signature = (value, name=None, uri=None))]
    fn encode_fragment<'py>(
        &self,
        py: Python<'py>,
        value: &Bound<'py, PyAny>,
        name: Option<&Bound<'py, PyAny>>,
        uri: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        self.encode(py, |encoder| encoder.fragment(value, name, uri))
    }
}

fn with_bytes<'py>(
    data: &Bound<'py, PyAny>,
    work: impl FnOnce(&[u8], usize) -> Outcome<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let outcome = match data.cast::<PyBytes>() {
        Ok(bytes) => padded(bytes.as_bytes(), work),
        Err(_) => {
            let view = data.py().import("builtins")?.getattr("memoryview")?.call1((data,))?;
            padded(view.call_method0("tobytes")?.cast::<PyBytes>()?.as_bytes(), work)
        }
    };
    outcome.map_err(|failure| raised(data.py(), *failure))
}

/// Give short data a few zeros behind their end: the reader then takes whole words to the last bit.
#[inline]
fn padded<T>(data: &[u8], work: impl FnOnce(&[u8], usize) -> T) -> T {
    fn within<const N: usize, T>(data: &[u8], work: impl FnOnce(&[u8], usize) -> T) -> T {
        let mut room = [0; N];
        if let Some(start) = room.get_mut(..data.len()) {
            start.copy_from_slice(data);
        }
        work(&room, data.len())
    }
    match data.len() {
        0..=56 => within::<64, T>(data, work),
        57..=248 => within::<256, T>(data, work),
        length => work(data, length),
    }
}

impl Engine {
    #[inline]
    fn encode<'py>(
        &self,
        py: Python<'py>,
        work: impl FnOnce(&mut Encoder<'_, 'py>) -> Outcome<()>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        BUFFER.with(|buffer| {
            let mut encoder = Encoder::new(self, py, buffer.take());
            let outcome = work(&mut encoder);
            let bytes = encoder.finish();
            let result = match outcome {
                Ok(()) => Ok(PyBytes::new(py, &bytes)),
                Err(failure) => Err(raised(py, *failure)),
            };
            // One huge message shall not hold its memory for ever.
            if bytes.capacity() <= MOST_KEPT {
                buffer.set(bytes);
            }
            result
        })
    }

    /// All fields of a message object.
    #[inline(always)]
    pub fn astuple<'py>(&self, py: Python<'py>, object: &Bound<'py, PyAny>) -> Outcome<Bound<'py, PyTuple>> {
        self.astuple.bind(py).call1((object,))?.cast_into().map_err(|_| corrupt())
    }

    /// The class `exi.schema.Item`.
    pub fn item<'py>(&self, py: Python<'py>) -> Outcome<&Bound<'py, PyAny>> {
        let item = ITEM.get_or_try_init(py, || Ok::<_, PyErr>(py.import("exi.schema")?.getattr("Item")?.unbind()))?;
        Ok(item.bind(py))
    }

    /// An `Item` of an element.
    pub fn make_item<'py>(
        &self,
        py: Python<'py>,
        element: usize,
        value: &Bound<'py, PyAny>,
    ) -> Outcome<Bound<'py, PyAny>> {
        let (local, uri) = self.tables.name_of(element)?;
        Ok(self.item(py)?.call1((local, uri, value))?)
    }

    /// The path step of item `number` of a list, counted among those of its name: content models mix names and text.
    #[cold]
    pub fn numbered(
        &self,
        py: Python<'_>,
        element: usize,
        mode: Mode,
        items: &Bound<'_, PyList>,
        number: usize,
    ) -> String {
        let same = match mode {
            Mode::Content => items.iter().take(number).filter(|entry| self.is_item_of(py, element, entry)).count(),
            _ => number,
        };
        format!("{}[{}]", self.tables.local(element), same + 1)
    }

    fn is_item_of(&self, py: Python<'_>, element: usize, entry: &Bound<'_, PyAny>) -> bool {
        let same = || {
            let (local, uri) = self.tables.name_of(element).ok()?;
            let is_item = entry.get_type().is(self.item(py).ok()?);
            Some(is_item && entry.getattr("name").ok()?.eq(local).ok()? && entry.getattr("ns").ok()?.eq(uri).ok()?)
        };
        same().unwrap_or(false)
    }

    /// What may stand in a state, for error messages.
    #[cold]
    pub fn expected(&self, state: usize) -> String {
        let all: Vec<&Production> = self.tables.productions_of(state).iter().collect();
        let may_occur = |production: &&&Production| {
            production.event != Event::Start
                || self.tables.element(production.index()).is_ok_and(|element| element.refusal == 0)
        };
        let concrete: Vec<&Production> = all.iter().filter(may_occur).copied().collect();
        let shown = if concrete.is_empty() { all } else { concrete };
        let names: Vec<String> = shown.iter().take(4).map(|production| self.production_name(production)).collect();
        let others = if shown.len() > 4 { " or others" } else { "" };
        names.join(" or ") + others
    }

    /// The name of an event, for error messages.
    #[cold]
    pub fn production_name(&self, production: &Production) -> String {
        match production.event {
            Event::Attribute if production.subject < 0 => "any attribute".into(),
            Event::Attribute => format!("@{}", self.tables.attribute_local(production.index())),
            Event::Start => self.tables.local(production.index()).into(),
            Event::StartAny => "any element".into(),
            Event::RelaxedStart => {
                let candidates = self.tables.candidates(production.index());
                candidates.first().map_or("", |element| self.tables.local(*element)).into()
            }
            Event::End => "its end".into(),
            Event::Text => "its text".into(),
        }
    }

    /// Refuse an element that a wildcard does not admit.
    pub fn check_wildcard(
        &self,
        class: &Class,
        production: &Production,
        uri: usize,
        start: Option<usize>,
    ) -> Outcome<()> {
        let name = self.tables.uris.get(uri).ok_or_else(corrupt)?;
        if production.subject == 2 || production.subject == 1 && (uri == class.uri || name.is_empty()) {
            return Err(Failure::new(format!("the wildcard admits no element of {name}"), start));
        }
        Ok(())
    }

    /// Attributes and text along a class that has nothing else; None for a class with child elements, which the
    /// element fragment grammar does not support.
    pub fn subjects(&self, class: &Class) -> Outcome<Option<Vec<Subject>>> {
        let mut found = Vec::new();
        let mut state = class.start;
        while found.len() <= class.fields.len() {
            let productions = self.tables.productions_of(state);
            let production = productions.first().ok_or_else(corrupt)?;
            if !matches!(production.event, Event::Attribute | Event::Text) {
                return Ok(None);
            }
            found.push(Subject {
                event: production.event,
                subject: production.index(),
                field: production.field(),
                optional: productions.len() > 1,
            });
            if production.event == Event::Text {
                return Ok(Some(found));
            }
            match production.next {
                Next::State(next) => state = next as usize,
                _ => break,
            }
        }
        Err(corrupt())
    }

    /// The value of a datatype whose text is given.
    pub fn parse<'py>(
        &self,
        py: Python<'py>,
        text: &Bound<'py, PyAny>,
        datatype: usize,
        start: usize,
    ) -> Outcome<Bound<'py, PyAny>> {
        let row = self.tables.datatype(datatype)?;
        if row.representation == Representation::Text {
            check_length(row, text.len()?, Some(start))?;
            return Ok(text.clone());
        }
        caught(py, self.value_codec(py)?.call_method1("parse", (text, datatype, start)))
    }

    /// The text of a value.
    pub fn format<'py>(
        &self,
        py: Python<'py>,
        value: &Bound<'py, PyAny>,
        datatype: usize,
    ) -> Outcome<Bound<'py, PyString>> {
        let text = caught(py, self.value_codec(py)?.call_method1("format", (value, datatype)))?;
        text.cast_into::<PyString>().map_err(|_| corrupt())
    }

    /// The text rules of simple types are XML's, not EXI's: they stand once, in `exi/values.py`.
    fn value_codec<'py>(&self, py: Python<'py>) -> Outcome<&Bound<'py, PyAny>> {
        let codec = self.values.get_or_try_init(py, || {
            Ok::<_, PyErr>(py.import("exi.values")?.getattr("ValueCodec")?.call1((self.source.bind(py),))?.unbind())
        })?;
        Ok(codec.bind(py))
    }

    /// Make an object of a class that takes its fields by name only.
    #[cold]
    pub fn build_by_name<'py>(
        &self,
        py: Python<'py>,
        class: &Class,
        values: &[Option<Bound<'py, PyAny>>],
    ) -> Outcome<Bound<'py, PyAny>> {
        let fields = PyDict::new(py);
        for (field, value) in class.fields.iter().zip(values) {
            fields.set_item(&field.name, value.as_ref())?;
        }
        Ok(class.class.bind(py).call((), Some(&fields))?)
    }
}

/// Turn an ExiError that Python code raised into a refusal, so that it gets its path.
fn caught<'py>(py: Python<'py>, result: PyResult<Bound<'py, PyAny>>) -> Outcome<Bound<'py, PyAny>> {
    let error = match result {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let value = error.value(py);
    let facts = value.getattr("reason").and_then(|reason| reason.extract::<String>());
    let offset = value.getattr("bit_offset").and_then(|offset| offset.extract::<Option<usize>>());
    match (facts, offset) {
        (Ok(reason), Ok(Some(offset))) => refuse(reason, offset),
        (Ok(reason), Ok(None)) => unfit(reason),
        _ => Err(error.into()),
    }
}
