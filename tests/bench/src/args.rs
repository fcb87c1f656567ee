//! What the benchmark is asked for.

use std::path::PathBuf;

use clap::Parser;

use crate::peers::Programs;

/// Benchmarks Satchel beside other engines and prints one table
#[derive(Debug, Parser)]
#[command(name = "bench")]
pub struct Args {
    /// Charts to make
    #[arg(long, default_value_t = 1_000)]
    pub charts: usize,
    /// Times that each row is measured
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Also first sync and relay memory with 10,000 charts
    #[arg(long)]
    pub large: bool,
    /// Only the rows of Satchel that have these words in their name; leaves the other engines out
    #[arg(long, value_name = "WORDS")]
    pub only: Option<String>,
    /// Leave the other engines out
    #[arg(long)]
    pub alone: bool,
    /// Only these of the other engines
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub engines: Vec<String>,
    /// Instead of the table: how Satchel's figures grow with documents, changes and devices
    #[arg(long)]
    pub growth: bool,
    /// Most charts of the growth curves; 100,000 take an hour
    #[arg(long, value_name = "CHARTS", default_value_t = 10_000)]
    pub growth_to: usize,
    /// Also write the table as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the table (or, with --growth, the curves) as Markdown, JSON and SVG into this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Folder for databases [default: the system's for temporary files]; must be on a disk for the figures to mean anything
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// The built program of tests/bench/peers/samod
    #[arg(long, value_name = "PROGRAM", hide = true)]
    samod: Option<PathBuf>,
    /// The folder tests/bench/peers/node, installed
    #[arg(long, value_name = "DIR", hide = true)]
    node: Option<PathBuf>,
    /// Why a program is missing
    #[arg(long, value_name = "PROGRAM=WHY", hide = true)]
    missing: Vec<String>,
}

impl Args {
    /// The other engines' programs.
    pub fn programs(&self) -> Programs {
        let missing = self.missing.iter().filter_map(|text| text.split_once('='));
        let missing = missing.map(|(program, why)| (program.to_owned(), why.to_owned())).collect();
        Programs { samod: self.samod.clone(), node: self.node.clone(), missing }
    }
}
