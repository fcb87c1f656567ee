//! The engine samod in one role, driven by the benchmark: a line of JSON in, a line of JSON out.

mod chart;
mod device;
mod server;
mod session;
mod socket;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

/// Any error, as text for the benchmark.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    /// Serves the charts until standard input ends.
    Server {
        #[arg(long)]
        dir: PathBuf,
        #[arg(long)]
        charts: PathBuf,
        #[arg(long)]
        count: usize,
        #[arg(long, default_value_t = 0)]
        port: u16,
    },
    /// Does the steps that come on standard input.
    Client {
        #[arg(long)]
        charts: PathBuf,
        #[arg(long)]
        count: usize,
        #[arg(long)]
        ids: PathBuf,
    },
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut lines = BufReader::new(stdin()).lines();
    match Args::parse().role {
        Role::Server { dir, charts, count, port } => {
            let server = server::serve(&dir, &chart::read(&charts, count)?, port).await?;
            println!("{}", server.ready());
            while lines.next_line().await?.is_some() {}
        }
        Role::Client { charts, count, ids } => {
            let mut session = session::Session::new(chart::read(&charts, count)?, &ids)?;
            println!("{}", json!({ "ready": true }));
            while let Some(line) = lines.next_line().await? {
                let step: Value = serde_json::from_str(&line)?;
                let answer = session.step(&step).await;
                println!("{}", answer.unwrap_or_else(|error| json!({ "error": format!("{}: {error}", step["do"]) })));
            }
        }
    }
    Ok(())
}
