//! A file system whose energy counters are computed when they are read.

#![allow(dead_code, reason = "each test file uses its own part")]
#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyEntry, ReplyOpen, Request,
};
use power_core::Clock;
use power_testkit::CounterModel;
use tempfile::TempDir;

/// What a file holds.
#[derive(Debug, Clone)]
pub enum Content {
    /// Always this.
    Text(String),
    /// Microjoules of a counter, as powercap prints them.
    Energy(CounterModel, Unit),
    /// Registers by address; what is not there cannot be read.
    Registers(Arc<BTreeMap<u64, Register>>),
}

/// Energy of one raw count as the kernel has it: in thousandths of a microjoule, cut down to whole ones.
#[derive(Debug, Clone, Copy)]
pub struct Unit(pub u64);

/// One register.
#[derive(Debug, Clone)]
pub enum Register {
    /// Always this.
    Value(u64),
    /// Raw counts.
    Counter(CounterModel),
}

/// One count that was read: which file or register, at which time of the clock, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    pub t_ns: i64,
    pub count: u64,
}

type Log = Arc<Mutex<BTreeMap<String, Vec<Sample>>>>;

/// A mounted file system; it goes away when dropped.
#[derive(Debug)]
pub struct Mounted {
    session: Option<BackgroundSession>,
    folder: TempDir,
    log: Log,
}

impl Mounted {
    /// Mounts these files, whose counters live by `clock`.
    pub fn new(files: Vec<(String, Content)>, clock: impl Clock + 'static) -> Self {
        let (folder, log) = (tempfile::tempdir().unwrap(), Log::default());
        let tree = Tree::new(files, Box::new(clock), log.clone());
        let session = fuser::spawn_mount(tree, folder.path(), &Config::default()).unwrap();
        Self { session: Some(session), folder, log }
    }

    /// Path of a folder in it.
    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Everything that was read of the file `name`, or of its register `@ADDRESS`.
    pub fn samples(&self, name: &str) -> Vec<Sample> {
        self.log.lock().unwrap().get(name).cloned().unwrap_or_default()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            let _ = session.umount_and_join();
        }
    }
}

/// A folder or a file, by its number in the tree.
#[derive(Debug)]
struct Node {
    name: String,
    /// Numbers of what is in a folder.
    children: Option<Vec<u64>>,
    content: Option<Content>,
}

#[derive(Debug)]
struct Tree {
    nodes: Vec<Node>,
    clock: Box<dyn Clock>,
    log: Log,
}

impl Tree {
    fn new(files: Vec<(String, Content)>, clock: Box<dyn Clock>, log: Log) -> Self {
        let root = Node { name: String::new(), children: Some(Vec::new()), content: None };
        let mut tree = Self { nodes: vec![root], clock, log };
        for (path, content) in files {
            let (mut at, mut so_far) = (0, String::new());
            let parts: Vec<&str> = path.split('/').collect();
            for part in &parts[..parts.len() - 1] {
                so_far = format!("{so_far}{part}/");
                at = tree.child(at, part).unwrap_or_else(|| tree.add(at, &so_far, None));
            }
            tree.add(at, &path, Some(content));
        }
        tree
    }

    /// Position of what is in a folder under this name.
    fn child(&self, folder: usize, name: &str) -> Option<usize> {
        let children = self.nodes.get(folder)?.children.as_ref()?;
        let last = |node: &Node| node.name.trim_end_matches('/').rsplit('/').next() == Some(name);
        children.iter().map(|child| usize::try_from(*child).unwrap()).find(|child| last(&self.nodes[*child]))
    }

    fn add(&mut self, folder: usize, path: &str, content: Option<Content>) -> usize {
        let at = self.nodes.len();
        let children = content.is_none().then(Vec::new);
        self.nodes.push(Node { name: path.to_owned(), children, content });
        self.nodes[folder].children.as_mut().unwrap().push(at as u64);
        at
    }

    fn node(&self, inode: INodeNo) -> Option<(usize, &Node)> {
        let at = usize::try_from(inode.0).ok()?.checked_sub(1)?;
        Some((at, self.nodes.get(at)?))
    }

    fn attributes(&self, at: usize) -> FileAttr {
        let folder = self.nodes[at].children.is_some();
        FileAttr {
            ino: INodeNo(at as u64 + 1),
            // Of sysfs and of msr files the size says nothing either.
            size: 4096,
            blocks: 0,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: if folder { FileType::Directory } else { FileType::RegularFile },
            perm: if folder { 0o755 } else { 0o444 },
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            flags: 0,
            blksize: 512,
        }
    }

    /// What a read at `offset` gives; an error number where there is no such register.
    fn bytes(&self, node: &Node, offset: u64) -> Result<Vec<u8>, Errno> {
        let now = self.clock.now().nanos();
        let note = |name: String, count| {
            self.log.lock().unwrap().entry(name).or_default().push(Sample { t_ns: now, count });
        };
        let skip = usize::try_from(offset).map_err(|_| Errno::EIO)?;
        let text = |text: String| text.into_bytes().into_iter().skip(skip).collect();
        match node.content.as_ref().ok_or(Errno::EISDIR)? {
            Content::Text(content) => Ok(text(format!("{content}\n"))),
            Content::Energy(model, Unit(unit)) => {
                let energy_uj = model.count_at(now) * unit / 1_000;
                note(node.name.clone(), energy_uj);
                Ok(text(format!("{energy_uj}\n")))
            }
            Content::Registers(registers) => match registers.get(&offset).ok_or(Errno::EIO)? {
                Register::Value(value) => Ok(value.to_ne_bytes().to_vec()),
                Register::Counter(model) => {
                    let count = model.count_at(now);
                    note(format!("{}@{offset:#x}", node.name), count);
                    Ok(count.to_ne_bytes().to_vec())
                }
            },
        }
    }
}

impl Filesystem for Tree {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = self.node(parent).zip(name.to_str()).and_then(|((at, _), name)| self.child(at, name));
        match found {
            Some(at) => reply.entry(&Duration::ZERO, &self.attributes(at), Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.node(inode) {
            Some((at, _)) => reply.attr(&Duration::ZERO, &self.attributes(at)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        // Without it the kernel would read whole pages ahead and keep them.
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(
        &self,
        _: &Request,
        inode: INodeNo,
        _: FileHandle,
        offset: u64,
        _: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.node(inode).ok_or(Errno::ENOENT).and_then(|(_, node)| self.bytes(node, offset)) {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(error),
        }
    }

    fn readdir(&self, _: &Request, inode: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let Some(children) = self.node(inode).and_then(|(_, node)| node.children.as_ref()) else {
            return reply.error(Errno::ENOTDIR);
        };
        for (child, next) in children.iter().zip(1_u64..).skip(usize::try_from(offset).unwrap_or(usize::MAX))
        {
            let at = usize::try_from(*child).unwrap();
            let attributes = self.attributes(at);
            let name = self.nodes[at].name.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            if reply.add(attributes.ino, next, attributes.kind, name) {
                break;
            }
        }
        reply.ok();
    }
}
