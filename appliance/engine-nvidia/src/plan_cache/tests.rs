use std::cell::Cell;
use std::convert::Infallible;
use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc;
use std::time::SystemTime;

use tempfile::TempDir;

use super::*;
use crate::gate::ComputeCapability;
use crate::tensorrt::{BuildOptions, Precision, Version};

const WAIT: Duration = Duration::from_secs(30);

/// A key.
pub(super) fn key() -> PlanKey {
    PlanKey {
        network: [3; 32],
        tensorrt: Version { major: 10, minor: 3, patch: 0, build: Some(26) },
        shim: "1 for 10.3.0".into(),
        compute_capability: ComputeCapability { major: 8, minor: 7 },
        device_name: "Orin".into(),
        l4t_release: L4tRelease("# R36 (release), REVISION: 4.3".into()),
        options: BuildOptions { precision: Precision::Half, workspace_bytes: 1 << 28 },
        input_shape: vec![1, 3, 955, 500],
    }
}

fn key_of_network(network: u8) -> PlanKey {
    PlanKey { network: [network; 32], ..key() }
}

fn built(plan: &[u8]) -> Result<Built, Infallible> {
    let timing_cache = Some(TimingCache::measured(b"times".to_vec()));
    Ok(Built { plan: Plan::built(plan.to_vec()), timing_cache })
}

fn never(_: Option<&TimingCache>) -> Result<Built, Infallible> {
    panic!("nothing is built")
}

/// A cache in a folder of its own, with the plan `first` in it.
fn cache() -> (TempDir, PlanCache, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plans");
    let cache = PlanCache::open(&path).unwrap();
    let obtained = cache.obtain(&key(), WAIT, |_| built(b"first")).unwrap();
    assert!(matches!(obtained.origin, Origin::Built { rejected: None, not_kept: None }), "{obtained:?}");
    let plan = path.join(name(Kind::Plan, &key().digest()));
    assert!(plan.is_file());
    (folder, cache, plan)
}

/// That the plan is built again, and why.
fn rebuilt(cache: &PlanCache) -> Rejected {
    assert!(cache.load(&key()).is_err(), "not loaded");
    let obtained = cache.obtain(&key(), WAIT, |_| built(b"second")).unwrap();
    assert_eq!(obtained.plan.bytes(), b"second");
    let Origin::Built { rejected: Some(rejected), not_kept: None } = obtained.origin else { panic!("{obtained:?}") };
    assert_eq!(cache.obtain(&key(), WAIT, never).unwrap().plan.bytes(), b"second", "and is whole again");
    rejected
}

#[test]
fn a_plan_is_built_once_and_then_loaded() {
    let (_folder, cache, plan) = cache();
    let obtained = cache.obtain(&key(), WAIT, never).unwrap();
    assert!(matches!(obtained.origin, Origin::Cached));
    assert_eq!(obtained.plan.bytes(), b"first");
    for file in [&plan, &plan.with_file_name(name(Kind::TimingCache, &key().timing_digest()))] {
        assert_eq!(fs::metadata(file).unwrap().mode() & 0o777, 0o600, "{}", file.display());
    }
    assert_eq!(fs::metadata(plan.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn each_byte_that_is_damaged_and_each_length_that_it_is_cut_to_has_it_built_again() {
    let (_folder, cache, plan) = cache();
    let whole = fs::read(&plan).unwrap();
    let damaged = (0..whole.len()).map(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        bytes
    });
    let cut = (0..whole.len()).map(|length| whole[..length].to_vec());
    for bytes in damaged.chain(cut) {
        fs::write(&plan, &bytes).unwrap();
        assert!(matches!(cache.load(&key()), Err(Rejected::Record(_))));
        // Whether a whole build repairs it is seen in some of them: each costs four syncs.
        if bytes.len() % 16 == 0 {
            assert!(matches!(rebuilt(&cache), Rejected::Record(_)));
        }
    }
}

#[test]
fn a_plan_of_another_key_under_the_same_name_is_not_loaded() {
    let (_folder, cache, plan) = cache();
    cache.obtain(&key_of_network(9), WAIT, |_| built(b"other")).unwrap();
    let other = plan.with_file_name(name(Kind::Plan, &key_of_network(9).digest()));
    fs::copy(other, &plan).unwrap();
    assert_eq!(rebuilt(&cache), Rejected::Record(RecordFault::Key));
}

#[test]
fn a_plan_that_others_may_write_or_that_is_no_file_is_not_loaded() {
    let (folder, cache, plan) = cache();
    for mode in [0o620, 0o602, 0o666] {
        fs::set_permissions(&plan, Permissions::from_mode(mode)).unwrap();
        assert_eq!(rebuilt(&cache), Rejected::File("can be written by others"), "{mode:o}");
    }
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&plan, &elsewhere).unwrap();
    symlink(&elsewhere, &plan).unwrap();
    assert_eq!(rebuilt(&cache), Rejected::File("is a link"));
    assert!(elsewhere.is_file(), "what a link points to is not touched");
    fs::remove_file(&plan).unwrap();
    assert!(Command::new("mkfifo").arg(&plan).status().unwrap().success());
    assert_eq!(rebuilt(&cache), Rejected::File("is no file"));
    let large = File::options().write(true).open(&plan).unwrap();
    large.set_len(PLAN_BYTES_MAX + record::HEADER_BYTES as u64 + 1).unwrap();
    assert_eq!(rebuilt(&cache), Rejected::File("is too large"));
}

#[test]
fn a_folder_that_others_may_write_is_refused() {
    let (folder, _cache, plan) = cache();
    let path = plan.parent().unwrap();
    for mode in [0o720, 0o702, 0o777, 0o1777] {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        let fault = PlanCache::open(path).unwrap_err();
        assert!(matches!(fault, PlanCacheError::Folder(FolderFault::Unsafe { .. })), "{mode:o}: {fault}");
    }
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    PlanCache::open(path).unwrap();
    let link = folder.path().join("link");
    symlink(path, &link).unwrap();
    let fault = PlanCache::open(&link).unwrap_err();
    assert!(matches!(fault, PlanCacheError::Folder(FolderFault::Unsafe { .. })), "{fault}");
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    assert!(matches!(PlanCache::open(&file), Err(PlanCacheError::Folder(_))));
}

#[test]
fn a_folder_or_plan_of_another_user_is_refused() {
    if !rustix::process::geteuid().is_root() {
        let _ = writeln!(std::io::stderr(), "\nnot run: plans of another user: giving files away needs root");
        return;
    }
    let (_folder, cache, plan) = cache();
    std::os::unix::fs::chown(&plan, Some(12_345), None).unwrap();
    assert_eq!(rebuilt(&cache), Rejected::File("belongs to another user"));
    let path = plan.parent().unwrap();
    std::os::unix::fs::chown(path, Some(12_345), None).unwrap();
    let fault = PlanCache::open(path).unwrap_err();
    assert!(fault.to_string().contains("belongs to another user"), "{fault}");
}

#[test]
fn what_is_there_when_the_folder_is_moved_away_is_not_looked_at() {
    let (folder, cache, plan) = cache();
    let path = plan.parent().unwrap();
    fs::rename(path, folder.path().join("moved")).unwrap();
    fs::create_dir(path).unwrap();
    fs::write(&plan, b"planted").unwrap();
    assert_eq!(cache.load(&key()).unwrap().unwrap().bytes(), b"first");
}

#[test]
fn a_damaged_timing_cache_is_left_out_and_a_sound_one_handed_over() {
    let (_folder, cache, plan) = cache();
    let timing = plan.with_file_name(name(Kind::TimingCache, &key().timing_digest()));
    let seen = Cell::new(None);
    let look = |timing: Option<&TimingCache>| {
        seen.set(timing.map(|timing| timing.bytes().to_vec()));
        built(b"other")
    };
    cache.obtain(&key_of_network(1), WAIT, look).unwrap();
    assert_eq!(seen.take().as_deref(), Some(&b"times"[..]), "of the same device, for another network");
    let mut bytes = fs::read(&timing).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&timing, bytes).unwrap();
    cache.obtain(&key_of_network(2), WAIT, look).unwrap();
    assert_eq!(seen.take(), None);
}

#[test]
fn the_newest_plans_are_kept_and_what_a_crash_left_goes() {
    let (_folder, cache, plan) = cache();
    let path = plan.parent().unwrap();
    fs::write(path.join("0123.plan.part"), b"half").unwrap();
    let file = |network| path.join(name(Kind::Plan, &key_of_network(network).digest()));
    for network in 10..20 {
        cache.obtain(&key_of_network(network), WAIT, |_| built(&[network])).unwrap();
        // As if an hour lay between them: file systems do not tell moments apart.
        let hours = u64::from(20 - network);
        let time = SystemTime::now() - Duration::from_secs(3_600 * hours);
        File::options().write(true).open(file(network)).unwrap().set_modified(time).unwrap();
    }
    let left: Vec<u8> = (10..20).filter(|&network| file(network).is_file()).collect();
    assert!(left.len() <= PLANS_MAX && left.ends_with(&[17, 18, 19]), "{left:?}");
    let plans = fs::read_dir(path).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name().into_string().unwrap();
        assert!(!name.ends_with(PART), "{name}");
        name.ends_with(PLAN_ENDING)
    });
    assert_eq!(plans.count(), PLANS_MAX);
}

const PART: &str = ".part";

#[test]
fn a_plan_that_tensorrt_did_not_take_is_discarded_and_built_again() {
    let (_folder, cache, _plan) = cache();
    cache.discard(&key()).unwrap();
    cache.discard(&key()).unwrap();
    let obtained = cache.obtain(&key(), WAIT, |_| built(b"again")).unwrap();
    assert!(matches!(obtained.origin, Origin::Built { rejected: None, not_kept: None }));
}

#[test]
fn a_build_that_fails_leaves_nothing_and_the_lock_free() {
    let folder = tempfile::tempdir().unwrap();
    let cache = PlanCache::open(folder.path()).unwrap();
    let failed = cache.obtain(&key(), WAIT, |_| Err("no memory"));
    assert!(matches!(failed, Err(ObtainError::Build("no memory"))));
    assert_eq!(cache.obtain(&key(), Duration::ZERO, |_| built(b"later")).unwrap().plan.bytes(), b"later");
}

#[test]
fn a_full_disk_costs_the_file_and_not_the_plan() {
    let folder = tempfile::tempdir().unwrap();
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=64k,mode=700", "mamoru-test"]).arg(folder.path());
    if !mount.output().is_ok_and(|output| output.status.success()) {
        let _ = writeln!(std::io::stderr(), "\nnot run: a full disk under the plan cache: mounting needs root");
        return;
    }
    let cache = PlanCache::open(folder.path()).unwrap();
    let large = vec![1; 1 << 20];
    let first = cache.obtain(&key(), WAIT, |_| built(&large));
    let files = fs::read_dir(folder.path()).unwrap().count();
    let small = cache.obtain(&key(), WAIT, |_| built(b"small"));
    drop(cache);
    let _unmounted = Command::new("umount").arg("--lazy").arg(folder.path()).status();
    let first = first.unwrap();
    assert_eq!(first.plan.bytes(), large);
    let Origin::Built { not_kept: Some(FolderFault::Disk { source, .. }), .. } = first.origin else {
        panic!("{first:?}")
    };
    assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
    assert_eq!(files, 1, "the lock alone");
    assert!(matches!(small.unwrap().origin, Origin::Built { not_kept: None, .. }), "a smaller one fits");
}

#[test]
fn who_waits_takes_what_the_other_built() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let (building, is_building) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    std::thread::scope(|scope| {
        let first = scope.spawn(move || {
            PlanCache::open(path).unwrap().obtain(&key(), WAIT, |_| {
                building.send(()).unwrap();
                may_go_on.recv().unwrap();
                built(b"first")
            })
        });
        is_building.recv().unwrap();
        let busy = PlanCache::open(path).unwrap().obtain(&key(), Duration::from_millis(1), never);
        assert!(matches!(busy, Err(ObtainError::Cache(PlanCacheError::Busy(_)))), "{busy:?}");
        let second = scope.spawn(move || PlanCache::open(path).unwrap().obtain(&key(), WAIT, never));
        go_on.send(()).unwrap();
        assert!(matches!(first.join().unwrap().unwrap().origin, Origin::Built { .. }));
        assert!(matches!(second.join().unwrap().unwrap().origin, Origin::Cached));
    });
}

#[test]
fn who_gets_the_lock_looks_once_more_before_it_builds() {
    let (_folder, cache, _plan) = cache();
    let obtained = cache.obtain_locked(&key(), never).unwrap();
    assert!(matches!(obtained.origin, Origin::Cached));
}

/// Names the folder, in a process that a test starts of this same test.
const CHILD: &str = "MAMORU_TEST_PLAN_CACHE";

#[test]
fn of_processes_that_start_at_once_one_builds_and_its_death_frees_the_others() {
    if let Some(path) = std::env::var_os(CHILD) {
        let cache = PlanCache::open(Path::new(&path)).unwrap();
        let line = File::options().append(true).create(true).open(Path::new(&path).join("builds")).unwrap();
        let obtained = cache.obtain(&key(), WAIT, |_| {
            writeln!(&line, "built").unwrap();
            if fs::read_to_string(Path::new(&path).join("builds")).unwrap().lines().count() == 1 {
                // The first one dies with the lock held and half a file written.
                fs::write(Path::new(&path).join("half.plan.part"), b"half").unwrap();
                std::process::abort();
            }
            built(b"of a process")
        });
        assert_eq!(obtained.unwrap().plan.bytes(), b"of a process");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let test = "plan_cache::tests::of_processes_that_start_at_once_one_builds_and_its_death_frees_the_others";
    let start = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test]).env(CHILD, folder.path());
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap()
    };
    let children: Vec<_> = (0..4).map(|_| start()).collect();
    let died = children.into_iter().filter_map(|mut child| (!child.wait().unwrap().success()).then_some(())).count();
    assert_eq!(died, 1, "the one that died");
    let builds = fs::read_to_string(folder.path().join("builds")).unwrap();
    assert_eq!(builds.lines().count(), 2, "the one that died and one of the others");
    assert!(!folder.path().join("half.plan.part").exists());
}
