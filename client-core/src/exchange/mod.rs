//! Exchange with others: charts as collection, NDJSON and International Patient Summary; a summary to print, with a code by
//! which another device finds the patient. Transactions are in [`crate::Device::export_chart`] and [`crate::Device::import`].

mod code;
mod forms;
mod page;
mod print;
mod qr;
mod summary;

pub use code::chart_of_code;
