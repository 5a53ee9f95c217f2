use std::path::Path;
use std::sync::Arc;

use crate::{
    BenchRuntime, Contestant, Data, Goal, Plan, Result, Rig, Row, Scale, Side, ValueSize, Work,
    compare,
};

/// A comparison of the suite, by name.
#[derive(Clone, Debug)]
pub struct Contest {
    /// Its name, in the table and in JSON.
    pub name: String,
    /// Size of the values.
    pub size: ValueSize,
    /// What is judged.
    pub left: (Contestant, Work),
    /// What it is judged by.
    pub right: (Contestant, Work),
    /// What their ratio is to reach.
    pub goal: Option<Goal>,
}

/// All comparisons, in the order of the table.
pub fn suite() -> Vec<Contest> {
    let mut contests = Vec::new();
    for contestant in [Contestant::Fjall, Contestant::FjallWrapped, Contestant::Memory] {
        for size in ValueSize::ALL {
            for work in Work::all().filter(|work| work.suits(size)) {
                contests.push(beside_raw(contestant, work, size));
            }
        }
    }
    contests.push(gain_of_group_commit());
    for work in [Work::GetHot, Work::Put, Work::Batch, Work::Page { entries: 16 }, Work::Scan] {
        contests.push(control(work));
    }
    contests
}

/// Runs these comparisons with stores below `dir`, and hands each row over as soon as it is known.
///
/// # Errors
/// Those of the stores, and of `done`.
pub fn run(
    contests: &[Contest],
    scale: &Scale,
    dir: &Path,
    mut done: impl FnMut(Row) -> Result<()>,
) -> Result<()> {
    let runtime = BenchRuntime::start()?;
    for size in ValueSize::ALL {
        let of_size = contests.iter().filter(|contest| contest.size == size);
        let (writes, reads): (Vec<_>, Vec<_>) =
            of_size.partition(|contest| contest.left.1.writes());
        if writes.is_empty() && reads.is_empty() {
            continue;
        }
        let data = Arc::new(Data::new(scale.entries(size), size)?);

        if !reads.is_empty() {
            let readers: Vec<_> =
                reads.iter().flat_map(|read| [read.left.0, read.right.0]).collect();
            let rig = Rig::open(&runtime, dir, &data, &readers)?;
            rig.load()?;
            for contest in reads {
                done(contest.hold(&rig, &runtime, &scale.reads)?)?;
            }
            rig.close()?;
        }
        for contest in writes {
            let rig = Rig::open(&runtime, dir, &data, &[contest.left.0, contest.right.0])?;
            done(contest.hold(&rig, &runtime, &scale.writes)?)?;
            rig.close()?;
        }
    }
    Ok(())
}

impl Contest {
    fn hold(&self, rig: &Rig<'_>, runtime: &BenchRuntime, plan: &Plan) -> Result<Row> {
        let side = |(contestant, work)| -> Result<Side> {
            Ok(Side { subject: rig.subject(contestant)?, work })
        };
        let comparison = compare(runtime, &side(self.left)?, &side(self.right)?, plan)
            .map_err(|error| format!("{}: {error}", self.name))?;
        Ok(Row { name: self.name.clone(), comparison, goal: self.goal })
    }
}

fn beside_raw(contestant: Contestant, work: Work, size: ValueSize) -> Contest {
    let name = format!("{}/{}/{}", contestant.name(), work.name(), size.name());
    let goal = match contestant {
        Contestant::Fjall => goal(work, size),
        Contestant::FjallWrapped => goal_under_wrappers(work, size),
        _ => None,
    };
    Contest { name, size, left: (contestant, work), right: (Contestant::Raw, work), goal }
}

/// What the layer over the engine may cost.
fn goal(work: Work, size: ValueSize) -> Option<Goal> {
    let limit = match (work, size) {
        (Work::GetHot | Work::GetAny | Work::HasHot | Work::HasAny, _) => 1.15,
        (Work::GetMissing | Work::HasMissing | Work::Put | Work::Delete, _) => 1.25,
        (Work::Batch, _) => 1.1,
        (Work::Page { entries: 16 }, ValueSize::Small) => 1.2,
        (Work::Page { entries: 256 }, ValueSize::Small) => 1.3,
        (Work::Scan, ValueSize::Small) => 1.4,
        (Work::Scan, ValueSize::Medium) => 1.2,
        (Work::Scan, ValueSize::Large)
        | (Work::Page { .. } | Work::ScanKeys | Work::PutSynced { .. }, _) => return None,
    };
    Some(Goal::AtMost(limit))
}

/// What the layer and four wrappers may cost together.
fn goal_under_wrappers(work: Work, size: ValueSize) -> Option<Goal> {
    let limit = match (work, size) {
        (Work::GetHot | Work::GetAny, _) => 1.25,
        (Work::Batch, _) => 1.15,
        (Work::Scan, ValueSize::Small) => 1.45,
        _ => return None,
    };
    Some(Goal::AtMost(limit))
}

/// How many times as fast many tasks get their puts to the disk as one does.
fn gain_of_group_commit() -> Contest {
    let tasks = Work::MANY_TASKS;
    Contest {
        name: format!("fjall/synced-gain-{tasks}-tasks/100B"),
        size: ValueSize::Small,
        left: (Contestant::Fjall, Work::PutSynced { tasks: 1 }),
        right: (Contestant::Fjall, Work::PutSynced { tasks }),
        goal: Some(Goal::AtLeast(10.0)),
    }
}

/// The engine beside itself: as far from 1 as any ratio may be by chance.
fn control(work: Work) -> Contest {
    let size = ValueSize::Small;
    Contest {
        name: format!("control/{}/{}", work.name(), size.name()),
        size,
        left: (Contestant::RawAgain, work),
        right: (Contestant::Raw, work),
        goal: None,
    }
}
