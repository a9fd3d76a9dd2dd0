//! Execution providers that this machine has not: the processor does the work, one line says so, and what is found is the same.
//! The network is made by deploy/setup; without it these tests fail, they do not skip.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use hardware_infer::{Network, Options, OrtDetector, Places, Provider, Runtime};
use hardware_ports::camera::Picture;
use hardware_ports::infer::Detector;
use models_vision::Manifest;
use models_vision::manifest::DEFAULT;
use models_vision::post::{Riders, Wish};

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self) -> Vec<String> {
        String::from_utf8_lossy(&self.0.lock().unwrap()).lines().map(str::to_owned).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Opens the shipped network on a provider; what that logged.
fn open(provider: Provider) -> (Network, Vec<String>) {
    let places = Places::of_this_process();
    let runtime = Runtime::load(&places).unwrap_or_else(|err| panic!("{err}"));
    let manifest = Manifest::shipped(DEFAULT).unwrap();
    let file = Places::first_file("the detection network", &places.models(&manifest.file)).unwrap();
    let wish = Some(Wish { min_score: 0.02, riders: Riders::Merged });
    let options = Options { wish, provider, ..Options::default() };
    let log = Log::default();
    let writer = log.clone();
    let lines = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let network =
        tracing::subscriber::with_default(lines, || Network::open(runtime, manifest, &file, &options))
            .unwrap();
    (network, log.lines())
}

/// Something with edges everywhere, the same at every run.
fn noise() -> Picture {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    Picture::from_rgb(640, 384, (0..640 * 384 * 3).map(next).collect())
}

#[test]
fn what_the_machine_has_not_is_done_by_the_processor() {
    let (network, lines) = open(Provider::Cpu);
    assert_eq!((network.provider(), lines), (Provider::Cpu, Vec::new()));
    let want = OrtDetector::of(network, Vec::new()).detect(&noise()).unwrap();
    assert!(!want.is_empty(), "noise with so low a threshold gives boxes");
    // As profiles name them.
    for name in ["openvino", "cuda", "tensorrt"] {
        let (network, lines) = open(name.parse().unwrap());
        if network.provider() != Provider::Cpu {
            eprintln!("skipped: this machine has {name}");
            assert_eq!(lines, Vec::<String>::new(), "{name}");
            continue;
        }
        let [line] = &lines[..] else { panic!("{name}: {lines:#?}") };
        let says = format!("model {DEFAULT} runs on the processor: {name} cannot be used: ");
        assert!(line.contains("WARN") && line.contains(&says), "{line}");
        let found = OrtDetector::of(network, Vec::new()).detect(&noise()).unwrap();
        assert_eq!(found, want, "{name}");
    }
}
