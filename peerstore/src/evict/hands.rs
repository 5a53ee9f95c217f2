use std::collections::HashMap;

use datastore::{Key, Result};

use super::page::{Candidate, look};
use super::room::{is_room, over};
use super::take::{settle_doubts, take_away};
use crate::access::Core;
use crate::census::Kind;

/// How far each book has been looked through.
#[derive(Debug, Default)]
pub(crate) struct Hands {
    at: HashMap<Kind, Key>,
    /// Changes that there were to make room.
    pub(super) changes: usize,
}

/// A book of up to so many rows is looked at as a whole.
const WHOLE: u64 = 1024;

/// Peers that are looked at together in a larger one.
const PAGE: usize = 256;

/// Of a page, one in so many goes at most, while there are others to look at.
const SHARE: usize = 4;

/// Who goes while a hand goes round once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    /// The least valuable of each page.
    Least,
    /// Any that has not proven itself.
    Unproven,
    /// Those that have proven themselves, too: there are no others.
    Proven,
}

impl Hands {
    /// Makes room for so many more in a book. Says whether a peer that was to go was being changed.
    pub(super) async fn free(&mut self, core: &Core, kind: Kind, more: u64) -> Result<bool> {
        self.changes += settle_doubts(core).await?;
        let mut is_busy = false;
        for round in [Round::Least, Round::Unproven, Round::Proven] {
            is_busy |= self.go_round(core, kind, round, more).await?;
            if is_room(core, kind, more) {
                break;
            }
        }
        Ok(is_busy)
    }

    async fn go_round(&mut self, core: &Core, kind: Kind, round: Round, more: u64) -> Result<bool> {
        let is_whole = rows(core, kind) <= WHOLE;
        let begin = self.at.get(&kind).filter(|_| !is_whole).cloned();
        let (mut from, mut has_turned, mut is_busy) = (begin.clone(), begin.is_none(), false);
        let (most, share) = if is_whole { (usize::MAX, 1) } else { (PAGE, SHARE) };
        // Of those that have proven themselves no more go than must, where all can be looked at.
        let one_percent = if is_whole && round == Round::Proven { 0 } else { 1 };
        loop {
            let wanted = over(core, kind, more, one_percent);
            if wanted == 0 {
                return Ok(is_busy);
            }
            let page = look(core, kind, from.as_ref(), most).await?;
            let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
            let chosen = choose(page.candidates, round, share);
            let taken = take_away(core, kind, &chosen, wanted).await?;
            is_busy |= taken.is_busy;
            self.changes += taken.changes;
            match (&page.next, &begin) {
                (None, _) if has_turned => {
                    self.at.remove(&kind);
                    return Ok(is_busy);
                }
                (None, _) => has_turned = true,
                (Some(at), _) => drop(self.at.insert(kind, at.clone())),
            }
            let is_round = has_turned && page.next.is_some() && page.next >= begin;
            if is_round && begin.is_some() {
                return Ok(is_busy);
            }
            from = page.next;
        }
    }
}

/// Those of a page that may go, the least valuable first.
fn choose(mut candidates: Vec<Candidate>, round: Round, share: usize) -> Vec<Candidate> {
    let most = match round {
        Round::Unproven => candidates.len(),
        Round::Least | Round::Proven => candidates.len().div_ceil(share),
    };
    if round != Round::Proven {
        candidates.retain(|candidate| !candidate.worth.proven);
    }
    candidates.sort_unstable();
    candidates.truncate(most);
    candidates
}

/// Rows that have to be looked at to see all of a book.
fn rows(core: &Core, kind: Kind) -> u64 {
    let of = |kind| core.census().of(kind).unwrap_or(u64::MAX);
    match kind {
        Kind::Addresses | Kind::Watermarks => {
            of(Kind::Addresses).saturating_add(of(Kind::Watermarks))
        }
        kind => of(kind),
    }
}
