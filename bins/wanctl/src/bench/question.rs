//! What is to be compared.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use anyhow::{Context, anyhow, bail};
use wanctl_sim::bench::gate::Gate;
use wanctl_sim::bench::suite::{Subject, Suite, Trace};
use wanctl_sim::bench::{Scene, Seeds, Variant, laws, scenes};
use wanctl_types::Millis;

use super::args::ControlArgs;

/// A comparison, and how it was asked for.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) suite: Suite,
    /// Which half of the seeds; `None` for a mix.
    pub(crate) half: Option<Seeds>,
}

impl Question {
    /// As the command line says.
    pub(crate) fn new(args: &ControlArgs) -> anyhow::Result<Self> {
        let half = if args.reporting {
            Seeds::Reporting
        } else {
            Seeds::Tuning
        };
        let mut subjects = chosen_scenes(args)?;
        subjects.extend(traces(args)?);
        let suite = Suite {
            subjects,
            variants: chosen_variants(&args.variants)?,
            plans: args.plans.clone(),
            laws: chosen_laws(args.laws.as_deref()),
            seeds: half.take(args.seeds.get()).collect(),
            jobs: jobs(args),
        };
        Ok(Self {
            suite,
            half: Some(half),
        })
    }

    /// As a file for `--gate` says.
    pub(crate) fn of_gate(gate: &Gate, args: &ControlArgs) -> anyhow::Result<Self> {
        let subjects = gate.scenes.iter().map(|name| scene(name));
        let variants = gate.variants.iter().map(|name| variant(name));
        let suite = Suite {
            subjects: subjects.collect::<Result<_, _>>()?,
            variants: variants.collect::<Result<_, _>>()?,
            plans: gate.plans.clone(),
            laws: gate.laws.clone(),
            seeds: gate.seeds.clone(),
            jobs: jobs(args),
        };
        let mut halves = suite.seeds.iter().map(|seed| Seeds::of(*seed));
        let half = halves.next();
        Ok(Self {
            half: half.filter(|half| halves.all(|other| other == *half)),
            suite,
        })
    }
}

fn jobs(args: &ControlArgs) -> NonZeroUsize {
    let processors = || available_parallelism().unwrap_or(NonZeroUsize::MIN);
    args.jobs.unwrap_or_else(processors)
}

/// All names of a list separated by commas; commas within parentheses belong to the names.
fn names(list: &str) -> Vec<String> {
    let (mut names, mut depth) = (vec![String::new()], 0_u32);
    for letter in list.chars().filter(|letter| !letter.is_whitespace()) {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if letter == ',' && depth == 0 {
            names.push(String::new());
        } else if let Some(name) = names.last_mut() {
            name.push(letter);
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn chosen_laws(list: Option<&str>) -> Vec<String> {
    match list {
        Some(list) => names(list),
        None => laws::NAMES.map(str::to_owned).to_vec(),
    }
}

fn chosen_scenes(args: &ControlArgs) -> anyhow::Result<Vec<Subject>> {
    let Some(list) = &args.scenes else {
        let all = scenes().into_iter().filter(|_| args.trace.is_empty());
        return Ok(all.map(Subject::from).collect());
    };
    let mut chosen = Vec::new();
    for name in names(list) {
        let Some(start) = name.strip_suffix('*') else {
            chosen.push(scene(&name)?);
            continue;
        };
        let before = chosen.len();
        let like = scenes()
            .into_iter()
            .filter(|scene| scene.name.starts_with(start));
        chosen.extend(like.map(Subject::from));
        if chosen.len() == before {
            bail!("no scene begins with {start:?}; --list names them");
        }
    }
    Ok(chosen)
}

fn scene(name: &str) -> anyhow::Result<Subject> {
    let scene = Scene::named(name);
    let scene = scene.ok_or_else(|| anyhow!("no scene is called {name:?}; --list names them"))?;
    Ok(scene.into())
}

fn chosen_variants(list: &str) -> anyhow::Result<Vec<Variant>> {
    if list == "all" {
        return Ok(Variant::ALL.to_vec());
    }
    names(list).iter().map(|name| variant(name)).collect()
}

fn variant(name: &str) -> anyhow::Result<Variant> {
    Variant::named(name).ok_or_else(|| anyhow!("no variant is called {name:?}; --list names them"))
}

fn traces(args: &ControlArgs) -> anyhow::Result<Vec<Subject>> {
    if args.trace_up.len() > args.trace.len() {
        bail!("--trace-up is given more often than --trace");
    }
    let uploads = args
        .trace_up
        .iter()
        .map(Some)
        .chain(std::iter::repeat(None));
    let pairs = args.trace.iter().zip(uploads);
    pairs
        .map(|(down, up)| trace(down, up.map(PathBuf::as_path), args))
        .collect()
}

fn trace(down: &Path, up: Option<&Path>, args: &ControlArgs) -> anyhow::Result<Subject> {
    let name = down
        .file_stem()
        .unwrap_or(down.as_os_str())
        .to_string_lossy();
    let download = read(down)?;
    let upload = up.map(read).transpose()?;
    let trace = Trace {
        name: &name,
        download: &download,
        upload: upload.as_deref(),
        base_rtt: Millis::saturating(args.trace_rtt),
    };
    let files = up.map_or_else(
        || down.display().to_string(),
        |up| format!("{} and {}", down.display(), up.display()),
    );
    Subject::trace(trace).with_context(|| format!("cannot use {files}"))
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Says on a terminal how far it is.
pub(crate) fn progress(done: usize, total: usize) {
    let mut terminal = std::io::stderr();
    if terminal.is_terminal() {
        // Whoever closed it does not care.
        drop(write!(terminal, "\r{done} of {total} runs"));
    }
}

/// Clears what [`progress`] wrote.
pub(crate) fn progress_ends() {
    let mut terminal = std::io::stderr();
    if terminal.is_terminal() {
        drop(write!(terminal, "\r\x1b[K"));
    }
}

/// Everything that can be asked for.
pub(crate) fn catalogue() -> String {
    let mut text = String::from("laws:\n");
    for law in laws::NAMES {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {law}");
    }
    text.push_str("scenes:\n");
    for scene in scenes() {
        let _ = writeln!(text, "  {:24} {}", scene.name, scene.description);
    }
    text.push_str("variants:\n");
    for variant in Variant::ALL {
        let _ = writeln!(text, "  {:24} {}", variant.name, variant.description);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_within_parentheses_belong_to_a_name() {
        let list = "static, oracle(0.15,0.95),,adaptive";
        assert_eq!(names(list), ["static", "oracle(0.15,0.95)", "adaptive"]);
        assert!(names("").is_empty());
    }

    #[test]
    fn the_catalogue_names_everything() {
        let text = catalogue();
        for name in ["adaptive", "fixed-download", "slow-router"] {
            assert!(text.contains(name), "{name}");
        }
    }
}
