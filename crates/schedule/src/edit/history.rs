//! Undo and redo as a tree: what was undone stays reachable when something else is done instead.
//! Knows nothing of what the transactions change.

use super::{Block, Change, Draft, EditError, Transaction};

/// The revisions of one draft. Revision 0 is the draft as it was opened.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    nodes: Vec<Node>,
    current: usize,
    selected: Option<Block>,
}

#[derive(Debug, Clone, PartialEq)]
struct Node {
    parent: usize,
    depth: usize,
    /// From the parent to this node; empty for revision 0.
    transaction: Transaction,
    label: String,
    before: Option<Block>,
    after: Option<Block>,
    /// Where redo goes: the branch made or left last.
    redo: Option<usize>,
}

/// One revision, as a list of the tree shows it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Revision<'a> {
    /// Its number; higher is newer.
    pub number: usize,
    /// What it was made from; `None` for revision 0.
    pub parent: Option<usize>,
    /// What was done; empty for revision 0.
    pub label: &'a str,
    /// The same as changes, from its parent on; none for revision 0.
    pub changes: &'a [Change],
    /// Whether the draft stands here.
    pub current: bool,
}

/// The way from one revision to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionPath {
    /// Revisions that are taken back, in that order.
    pub undone: Vec<usize>,
    /// Then those that are done, in that order.
    pub redone: Vec<usize>,
}

impl Default for History {
    fn default() -> Self {
        let root = Node {
            parent: 0,
            depth: 0,
            transaction: Transaction::default(),
            label: String::new(),
            before: None,
            after: None,
            redo: None,
        };
        History { nodes: vec![root], current: 0, selected: None }
    }
}

impl History {
    /// The history of a draft that nothing was done to.
    pub fn new() -> Self {
        History::default()
    }

    /// Remembers a transaction that was applied to the draft. An empty one is no step of undo.
    pub fn commit(&mut self, transaction: Transaction, label: &str) {
        self.commit_selected(transaction, label, self.selected, self.selected);
    }

    /// [`History::commit`], with the blocks that were selected before and after.
    pub fn commit_selected(
        &mut self,
        transaction: Transaction,
        label: &str,
        before: Option<Block>,
        after: Option<Block>,
    ) {
        self.selected = after;
        if !transaction.is_empty() {
            self.push(transaction, label, before, after);
        }
    }

    /// Remembers a step that left the draft as it is, for who keeps something beside it.
    pub fn commit_beside(&mut self, label: &str) {
        self.push(Transaction::default(), label, self.selected, self.selected);
    }

    fn push(
        &mut self,
        transaction: Transaction,
        label: &str,
        before: Option<Block>,
        after: Option<Block>,
    ) {
        let parent = self.current;
        let depth = self.nodes.get(parent).map_or(0, |node| node.depth) + 1;
        let label = label.to_owned();
        self.nodes.push(Node { parent, depth, transaction, label, before, after, redo: None });
        self.arrive(self.nodes.len() - 1);
    }

    /// Takes the last command back and gives its label. `None`, and nothing changed, where there
    /// is nothing to undo or the draft is not the one of this history.
    pub fn undo(&mut self, draft: &mut Draft) -> Option<String> {
        let node = self.nodes.get(self.current).filter(|_| self.current != 0)?;
        node.transaction.invert().apply(draft).ok()?;
        let (label, parent, before) = (node.label.clone(), node.parent, node.before);
        self.current = parent;
        self.selected = before;
        Some(label)
    }

    /// Does again what was undone and gives its label. Where the tree forks, on the branch made
    /// or left last. `None`, and nothing changed, where there is nothing to redo or the draft is
    /// not the one of this history.
    pub fn redo(&mut self, draft: &mut Draft) -> Option<String> {
        let next = self.nodes.get(self.current)?.redo?;
        let node = self.nodes.get(next)?;
        node.transaction.apply(draft).ok()?;
        let (label, after) = (node.label.clone(), node.after);
        self.arrive(next);
        self.selected = after;
        Some(label)
    }

    /// Goes to a revision anywhere in the tree.
    ///
    /// # Errors
    /// Where the draft is not the one of this history. Nothing has changed then.
    pub fn go_to(&mut self, revision: usize, draft: &mut Draft) -> Result<(), EditError> {
        *draft = self.at(revision, draft)?;
        let after = self.nodes.get(revision).and_then(|node| node.after);
        self.selected = if revision == 0 { self.selected } else { after };
        self.arrive(revision);
        Ok(())
    }

    /// What the draft is at a revision anywhere in the tree, without going there. `draft` is what
    /// it is now.
    ///
    /// # Errors
    /// Where the draft is not the one of this history, and where there is no such revision.
    pub fn at(&self, revision: usize, draft: &Draft) -> Result<Draft, EditError> {
        let node = |revision: usize| {
            let stale = || EditError::Stale { place: format!("revision {revision}") };
            self.nodes.get(revision).ok_or_else(stale)
        };
        node(revision)?;
        let mut changed = draft.clone();
        let RevisionPath { undone, redone } = self.path(self.current, revision);
        for revision in undone {
            node(revision)?.transaction.invert().apply(&mut changed)?;
        }
        for revision in redone {
            node(revision)?.transaction.apply(&mut changed)?;
        }
        Ok(changed)
    }

    /// The way between two revisions, over the last one that both come from. There is none to a
    /// revision that does not exist.
    pub fn path(&self, from: usize, to: usize) -> RevisionPath {
        let (mut undone, mut redone) = (Vec::new(), Vec::new());
        let (mut here, mut there) = (from, to);
        while here != there
            && let (Some(from), Some(to)) = (self.nodes.get(here), self.nodes.get(there))
        {
            if from.depth >= to.depth {
                undone.push(here);
                here = from.parent;
            } else {
                redone.push(there);
                there = to.parent;
            }
        }
        redone.reverse();
        RevisionPath { undone, redone }
    }

    /// The revision at which the draft stands.
    pub fn revision(&self) -> usize {
        self.current
    }

    /// How many revisions there are, the opened draft included.
    pub fn count(&self) -> usize {
        self.nodes.len()
    }

    /// Every revision, the oldest first.
    pub fn revisions(&self) -> impl Iterator<Item = Revision<'_>> {
        self.nodes.iter().enumerate().map(|(number, node)| Revision {
            number,
            parent: (number != 0).then_some(node.parent),
            label: &node.label,
            changes: node.transaction.changes(),
            current: number == self.current,
        })
    }

    /// The revisions made from the current one, the oldest first: what redo could go to.
    pub fn branches(&self) -> Vec<Revision<'_>> {
        self.revisions().filter(|revision| revision.parent == Some(self.current)).collect()
    }

    /// The block to select now: that of the last commit, undo, redo or visit.
    pub fn selected(&self) -> Option<Block> {
        self.selected
    }

    /// Stands at a revision; redo from its ancestors leads back to it.
    fn arrive(&mut self, revision: usize) {
        self.current = revision;
        let mut child = revision;
        while child != 0 {
            let Some(parent) = self.nodes.get(child).map(|node| node.parent) else { return };
            if let Some(node) = self.nodes.get_mut(parent) {
                node.redo = Some(child);
            }
            child = parent;
        }
    }
}
