//! The native EXI engine of PnC Lab. It walks the tables that `exi/tables.py` makes from the message classes,
//! from and to the same Python objects as `exi/engine.py`, with the same values and the same errors.

mod codec;
mod decode;
mod decode_quick;
mod encode;
mod encode_quick;
mod engine;
mod error;
mod load;
mod plan;
mod reader;
mod shared;
mod tables;
mod values;
mod writer;

use pyo3::prelude::*;

/// The native engine; `exi.codec` chooses between it and the Python one.
#[pymodule(gil_used = false)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<codec::Codec>()?;
    module.add_class::<engine::Engine>()
}
