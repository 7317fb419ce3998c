//! What a read costs: the round trip through `PowerSource::read` against the same exchange by bare sockets.
//!
//! `cargo run --release -p driver-meter --example round_trip` alternates between the two, against one server, and prints
//! medians in microseconds and their ratio.

#![expect(clippy::print_stdout, reason = "an example shows what it measures")]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use driver_meter::DRIVER;
use power_core::{Driver, Options, PowerSource, Recorder, SystemClock};

/// Exchanges in one turn, and turns.
const EXCHANGES: usize = 2_000;
const TURNS: usize = 15;

/// Registers of the meter, one block.
const REGISTERS: u8 = 9;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = server()?;
    let mut source = DRIVER.open(&format!("pzem-004t@tcp:{address}"), &Options::new())?;
    let mut bare = TcpStream::connect(address)?;
    bare.set_nodelay(true)?;
    let mut ratios = Vec::new();
    for turn in 0..TURNS {
        let by_socket = median(|| socket(&mut bare))?;
        let by_source = median(|| driver(&mut *source))?;
        let ratio = by_source / by_socket;
        println!(
            "{turn:>2}: sockets {by_socket:.2} us, PowerSource::read {by_source:.2} us, ratio {ratio:.3}"
        );
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio {:.3}", ratios[TURNS / 2]);
    Ok(())
}

/// A server that answers every request at once.
fn server() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
    Ok(address)
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut request = [0; 12];
    let mut reply = [0; 9 + 2 * REGISTERS as usize];
    reply[4..9].copy_from_slice(&[0, 3 + 2 * REGISTERS, 1, 4, 2 * REGISTERS]);
    loop {
        stream.read_exact(&mut request)?;
        reply[..2].copy_from_slice(&request[..2]);
        stream.write_all(&reply)?;
    }
}

/// The same bytes by bare sockets, without deadline or check.
fn socket(stream: &mut TcpStream) -> Result<(), Box<dyn std::error::Error>> {
    stream.write_all(&[0, 1, 0, 0, 0, 6, 1, 4, 0, 0, 0, REGISTERS])?;
    stream.read_exact(&mut [0; 9 + 2 * REGISTERS as usize])?;
    Ok(())
}

fn driver(source: &mut dyn PowerSource) -> Result<(), Box<dyn std::error::Error>> {
    let mut readings = Vec::with_capacity(8);
    source.read(&mut Recorder::new(&SystemClock, &mut readings))?;
    Ok(())
}

/// Median time of one exchange, in microseconds.
fn median(
    mut exchange: impl FnMut() -> Result<(), Box<dyn std::error::Error>>,
) -> Result<f64, Box<dyn std::error::Error>> {
    let mut times = Vec::with_capacity(EXCHANGES);
    for _ in 0..EXCHANGES {
        let start = Instant::now();
        exchange()?;
        times.push(start.elapsed());
    }
    times.sort();
    Ok(times.get(EXCHANGES / 2).copied().unwrap_or(Duration::ZERO).as_secs_f64() * 1e6)
}
