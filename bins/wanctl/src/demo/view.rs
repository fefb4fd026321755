//! The moving picture in the terminal.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use ratatui::DefaultTerminal;
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Dataset, GraphType, Paragraph};
use tokio::sync::mpsc;
use wanctl_sim::{Demo, DemoMode, DemoSample};
use wanctl_types::{Bps, Direction, Zone};

use super::{Runs, run_all};

/// Time from one picture to the next.
const FRAME: Duration = Duration::from_millis(100);

/// Runs all runs while drawing them; `None` when the user had seen enough.
pub(crate) async fn watch(demo: &Demo, directory: &Path) -> anyhow::Result<Option<Runs>> {
    let mut terminal = ratatui::try_init().context("cannot take over the terminal")?;
    let result = play(&mut terminal, demo, directory).await;
    ratatui::restore();
    result
}

async fn play(
    terminal: &mut DefaultTerminal,
    demo: &Demo,
    directory: &Path,
) -> anyhow::Result<Option<Runs>> {
    let mut picture = Picture::new(demo);
    let (seen, mut samples) = mpsc::unbounded_channel();
    let forward = |mode| {
        let (watcher, mut taken) = mpsc::unbounded_channel();
        let seen = seen.clone();
        tokio::spawn(async move {
            while let Some(sample) = taken.recv().await {
                if seen.send((mode, sample)).is_err() {
                    return;
                }
            }
        });
        Some(watcher)
    };
    let runs = run_all(demo, directory, forward);
    tokio::pin!(runs);
    let mut frames = tokio::time::interval(FRAME);
    loop {
        tokio::select! {
            done = &mut runs => return done.map(Some),
            Some((mode, sample)) = samples.recv() => picture.add(mode, sample),
            _ = frames.tick() => {
                terminal.draw(|frame| picture.draw(frame))?;
                if asked_to_quit()? {
                    return Ok(None);
                }
            }
        }
    }
}

fn asked_to_quit() -> anyhow::Result<bool> {
    while event::poll(Duration::ZERO)? {
        if let Event::Key(key) = event::read()? {
            let interrupt =
                key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
            if interrupt || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// What has been seen so far.
struct Picture {
    end: f64,
    phases: Vec<(f64, &'static str)>,
    seed: u64,
    without: Vec<(f64, f64)>,
    reference: Vec<(f64, f64)>,
    adaptive: Vec<(f64, f64)>,
    capacity: Vec<(f64, f64)>,
    limit: Vec<(f64, f64)>,
    delivered: Vec<(f64, f64)>,
    last: [Option<DemoSample>; DemoMode::ALL.len()],
}

impl Picture {
    fn new(demo: &Demo) -> Self {
        let phases = demo.scenario.phases.iter();
        Self {
            end: demo.scenario.duration.as_secs_f64(),
            phases: phases
                .map(|phase| (phase.to.as_secs_f64(), phase.name))
                .collect(),
            seed: demo.seed,
            without: Vec::new(),
            reference: Vec::new(),
            adaptive: Vec::new(),
            capacity: Vec::new(),
            limit: Vec::new(),
            delivered: Vec::new(),
            last: [None; DemoMode::ALL.len()],
        }
    }

    /// The rates are drawn of the adaptive law.
    fn add(&mut self, mode: DemoMode, sample: DemoSample) {
        let at = sample.time_s;
        let mbps = |rate: Bps| (at, rate.as_mbps());
        let delay = (at, sample.rtt_ms.get());
        match mode {
            DemoMode::FixedAtCeiling => self.without.push(delay),
            DemoMode::Controlled => self.reference.push(delay),
            DemoMode::Adaptive => {
                self.adaptive.push(delay);
                self.capacity.push(mbps(sample.capacity_bps.download));
                self.limit.push(mbps(sample.limit_bps.download));
                self.delivered.push(mbps(sample.delivered_bps.download));
            }
        }
        let place = DemoMode::ALL.iter().position(|other| *other == mode);
        if let Some(last) = place.and_then(|place| self.last.get_mut(place)) {
            *last = Some(sample);
        }
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let [head, delay, rate, foot] = Layout::vertical([
            Constraint::Length(4),
            Constraint::Fill(1),
            Constraint::Fill(1),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        frame.render_widget(Paragraph::new(self.head()), head);
        self.draw_delay(frame, delay);
        self.draw_rate(frame, rate);
        frame.render_widget(Paragraph::new("q quits").dim(), foot);
    }

    fn head(&self) -> Vec<Line<'_>> {
        let Some(newest) = self.last.iter().flatten().next_back() else {
            return vec![Line::from(
                "starting the simulated lines, routers and daemons ...",
            )];
        };
        let phase = self.phases.iter().find(|(to, _)| newest.time_s < *to);
        let phase = phase.map_or("", |(_, name)| name);
        let title = format!("{:>4.1} s  {phase}   seed {}", newest.time_s, self.seed);
        let states = DemoMode::ALL.iter().zip(&self.last);
        let states = states.filter_map(|(mode, last)| last.map(|sample| state(*mode, &sample)));
        std::iter::once(Line::from(title)).chain(states).collect()
    }

    fn draw_delay(&self, frame: &mut Frame<'_>, area: Rect) {
        let lines = [
            line("without control", Color::Red, &self.without),
            line("reference law", Color::Yellow, &self.reference),
            line("adaptive law", Color::Green, &self.adaptive),
        ];
        self.chart(frame, area, "round-trip time, ms", lines.into());
    }

    fn draw_rate(&self, frame: &mut Frame<'_>, area: Rect) {
        let lines = [
            line("capacity", Color::DarkGray, &self.capacity),
            line("limit", Color::Blue, &self.limit),
            line("delivered", Color::Green, &self.delivered),
        ];
        self.chart(frame, area, "download, Mbit/s, adaptive law", lines.into());
    }

    fn chart(&self, frame: &mut Frame<'_>, area: Rect, title: &str, lines: Vec<Series<'_>>) {
        let top = lines
            .iter()
            .flat_map(|line| line.points)
            .map(|(_, value)| *value)
            .fold(30.0, f64::max);
        let top = (top / 10.0).ceil() * 10.0;
        let labels = |end: f64| {
            [
                "0".to_owned(),
                format!("{:.0}", end / 2.0),
                format!("{end:.0}"),
            ]
        };
        let chart = Chart::new(lines.into_iter().map(Series::dataset).collect())
            .block(Block::bordered().title(title.to_owned()))
            .x_axis(
                Axis::default()
                    .bounds([0.0, self.end])
                    .labels(labels(self.end)),
            )
            .y_axis(Axis::default().bounds([0.0, top]).labels(labels(top)));
        frame.render_widget(chart, area);
    }
}

/// Where a run stands.
fn state(mode: DemoMode, sample: &DemoSample) -> Line<'static> {
    let who = match mode {
        DemoMode::FixedAtCeiling => "without control".red(),
        DemoMode::Controlled => "reference law  ".yellow(),
        DemoMode::Adaptive => "adaptive law   ".green(),
    };
    let rtt = format!("  round trip {:>6.1} ms   ", sample.rtt_ms.get());
    let mut spans = vec![who, Span::from(rtt)];
    for direction in Direction::BOTH {
        let limit = sample.limit_bps[direction].as_mbps();
        spans.push(Span::from(format!("{direction} {limit:.1} Mbit/s ")));
        spans.push(zone(sample.zone[direction]));
        spans.push(Span::from("   "));
    }
    Line::from(spans)
}

/// One line of a chart.
struct Series<'a> {
    name: &'static str,
    color: Color,
    points: &'a [(f64, f64)],
}

impl<'a> Series<'a> {
    fn dataset(self) -> Dataset<'a> {
        Dataset::default()
            .name(self.name)
            .marker(Marker::Braille)
            .graph_type(GraphType::Line)
            .style(Style::new().fg(self.color))
            .data(self.points)
    }
}

fn line<'a>(name: &'static str, color: Color, points: &'a [(f64, f64)]) -> Series<'a> {
    Series {
        name,
        color,
        points,
    }
}

fn zone(zone: Zone) -> Span<'static> {
    let color = match zone {
        Zone::Green => Color::Green,
        Zone::Yellow => Color::Yellow,
        Zone::SoftRed => Color::LightRed,
        Zone::Red => Color::Red,
    };
    Span::styled(zone.as_str(), color)
}
