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
use wanctl_sim::{Demo, DemoMode, DemoRun, DemoSample};
use wanctl_types::{Direction, Zone};

use super::run_one;

/// Time from one picture to the next.
const FRAME: Duration = Duration::from_millis(100);

/// Runs both runs while drawing them; `None` when the user had seen enough.
pub(crate) async fn watch(demo: &Demo, directory: &Path) -> anyhow::Result<Option<[DemoRun; 2]>> {
    let mut terminal = ratatui::try_init().context("cannot take over the terminal")?;
    let result = play(&mut terminal, demo, directory).await;
    ratatui::restore();
    result
}

async fn play(
    terminal: &mut DefaultTerminal,
    demo: &Demo,
    directory: &Path,
) -> anyhow::Result<Option<[DemoRun; 2]>> {
    let mut picture = Picture::new(demo);
    let Some(fixed) = play_one(
        terminal,
        &mut picture,
        demo,
        DemoMode::FixedAtCeiling,
        directory,
    )
    .await?
    else {
        return Ok(None);
    };
    let controlled = play_one(
        terminal,
        &mut picture,
        demo,
        DemoMode::Controlled,
        directory,
    )
    .await?;
    Ok(controlled.map(|controlled| [fixed, controlled]))
}

async fn play_one(
    terminal: &mut DefaultTerminal,
    picture: &mut Picture,
    demo: &Demo,
    mode: DemoMode,
    directory: &Path,
) -> anyhow::Result<Option<DemoRun>> {
    let (watcher, mut samples) = mpsc::unbounded_channel();
    let run = run_one(demo, mode, directory, Some(watcher));
    tokio::pin!(run);
    let mut frames = tokio::time::interval(FRAME);
    loop {
        tokio::select! {
            done = &mut run => {
                while let Ok(sample) = samples.try_recv() {
                    picture.add(mode, sample);
                }
                return done.map(Some);
            }
            Some(sample) = samples.recv() => picture.add(mode, sample),
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
    with: Vec<(f64, f64)>,
    capacity: Vec<(f64, f64)>,
    limit: Vec<(f64, f64)>,
    delivered: Vec<(f64, f64)>,
    last: Option<(DemoMode, DemoSample)>,
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
            with: Vec::new(),
            capacity: Vec::new(),
            limit: Vec::new(),
            delivered: Vec::new(),
            last: None,
        }
    }

    fn add(&mut self, mode: DemoMode, sample: DemoSample) {
        let at = sample.time_s;
        if self.last.is_some_and(|(last, _)| last != mode) {
            self.capacity.clear();
            self.limit.clear();
            self.delivered.clear();
        }
        match mode {
            DemoMode::FixedAtCeiling => self.without.push((at, sample.rtt_ms.get())),
            DemoMode::Controlled => self.with.push((at, sample.rtt_ms.get())),
        }
        self.capacity
            .push((at, sample.capacity_bps.download.as_mbps()));
        self.limit.push((at, sample.limit_bps.download.as_mbps()));
        self.delivered
            .push((at, sample.delivered_bps.download.as_mbps()));
        self.last = Some((mode, sample));
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let [head, delay, rate, foot] = Layout::vertical([
            Constraint::Length(2),
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
        let Some((mode, sample)) = &self.last else {
            return vec![Line::from(
                "starting the simulated line, router and daemon ...",
            )];
        };
        let what = match mode {
            DemoMode::FixedAtCeiling => "1 of 2: limits fixed at the ceiling".red(),
            DemoMode::Controlled => "2 of 2: controlled by wanctld".green(),
        };
        let phase = self.phases.iter().find(|(to, _)| sample.time_s < *to);
        let phase = phase.map_or("", |(_, name)| name);
        let mut state = vec![Span::from(format!(
            "round trip {:>6.1} ms   ",
            sample.rtt_ms.get()
        ))];
        for direction in Direction::BOTH {
            let limit = sample.limit_bps[direction].as_mbps();
            state.push(Span::from(format!("{direction} {limit:.1} Mbit/s ")));
            state.push(zone(sample.zone[direction]));
            state.push(Span::from("   "));
        }
        let title = format!("   {:>4.1} s  {phase}   seed {}", sample.time_s, self.seed);
        vec![Line::from(vec![what, title.into()]), Line::from(state)]
    }

    fn draw_delay(&self, frame: &mut Frame<'_>, area: Rect) {
        let lines = [
            line("without control", Color::Red, &self.without),
            line("with control", Color::Green, &self.with),
        ];
        self.chart(frame, area, "round-trip time, ms", lines.into());
    }

    fn draw_rate(&self, frame: &mut Frame<'_>, area: Rect) {
        let lines = [
            line("capacity", Color::DarkGray, &self.capacity),
            line("limit", Color::Blue, &self.limit),
            line("delivered", Color::Green, &self.delivered),
        ];
        self.chart(frame, area, "download, Mbit/s", lines.into());
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
