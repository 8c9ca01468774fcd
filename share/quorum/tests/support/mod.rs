// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A real ensemble: three servers of Debian's `zookeeper`, on this machine. The packages are fetched once into a cache folder,
//! and unpacked there; nothing is installed. Where they can't be had, or there is no java, the tests say so and pass over it.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use quorum::{Ensemble, Session};

const PACKAGES: [&str; 12] = [
    "libcommons-cli-java",
    "libcommons-io-java",
    "libdropwizard-metrics-java",
    "libfindbugs-annotations-java",
    "libjackson2-annotations-java",
    "libjackson2-core-java",
    "libjackson2-databind-java",
    "liblog4j1.2-java",
    "libnetty-java",
    "libslf4j-java",
    "libsnappy-java",
    "libzookeeper-java",
];

/// What the servers' class path holds.
const JARS: [&str; 20] = [
    "commons-cli.jar",
    "commons-io.jar",
    "findbugs-annotations.jar",
    "jackson-annotations.jar",
    "jackson-core.jar",
    "jackson-databind.jar",
    "log4j-1.2.jar",
    "metrics-core.jar",
    "netty-buffer.jar",
    "netty-codec.jar",
    "netty-common.jar",
    "netty-handler.jar",
    "netty-resolver.jar",
    "netty-transport.jar",
    "netty-transport-native-epoll.jar",
    "netty-transport-native-unix-common.jar",
    "slf4j-api.jar",
    "snappy-java.jar",
    "zookeeper-jute.jar",
    "zookeeper.jar",
];

/// A tick of the servers: sessions live between 2 and 20 of them.
const TICK: Duration = Duration::from_millis(500);

pub struct Servers {
    folder: tempfile::TempDir,
    jars: PathBuf,
    ports: [u16; 3],
    running: [Option<Child>; 3],
}

impl Servers {
    /// `None` where it can't be had; that is said.
    pub fn start() -> Option<Servers> {
        let jars = match jars() {
            Ok(jars) => jars,
            Err(why) => {
                eprintln!("skipped: no real ZooKeeper here: {why}");
                return None;
            }
        };
        let folder = tempfile::tempdir().unwrap();
        let ports = free_ports::<9>();
        for number in 0..3 {
            let home = folder.path().join(number.to_string());
            fs::create_dir(&home).unwrap();
            fs::write(home.join("myid"), format!("{}\n", number + 1)).unwrap();
            let peers: String = (0..3)
                .map(|peer| {
                    format!(
                        "server.{}=127.0.0.1:{}:{}\n",
                        peer + 1,
                        ports[3 + peer],
                        ports[6 + peer]
                    )
                })
                .collect();
            let config = format!(
                "tickTime={}\ninitLimit=20\nsyncLimit=10\ndataDir={}\nclientPort={}\nclientPortAddress=127.0.0.1\n\
                 admin.enableServer=false\n{peers}",
                TICK.as_millis(),
                home.display(),
                ports[number]
            );
            fs::write(home.join("zoo.cfg"), config).unwrap();
        }
        let mut servers = Servers {
            folder,
            jars,
            ports: [ports[0], ports[1], ports[2]],
            running: [None, None, None],
        };
        for number in 0..3 {
            servers.up(number);
        }
        Some(servers)
    }

    pub fn up(&mut self, number: usize) {
        let home = self.folder.path().join(number.to_string());
        let log = File::create(home.join("log")).unwrap();
        let class_path: Vec<String> = JARS
            .iter()
            .map(|jar| self.jars.join(jar).display().to_string())
            .collect();
        let child = Command::new("java")
            .args(["-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
            .arg("-Dzookeeper.jmx.log4j.disable=true")
            .args(["-cp", &class_path.join(":")])
            .arg("org.apache.zookeeper.server.quorum.QuorumPeerMain")
            .arg(home.join("zoo.cfg"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.running[number] = Some(child);
    }

    /// As a power loss.
    pub fn kill(&mut self, number: usize) {
        if let Some(mut child) = self.running[number].take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub fn address(&self, number: usize) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports[number]))
    }

    /// All three, or those that one side of a cut sees.
    pub fn ensemble(&self, members: &[usize]) -> Ensemble {
        Ensemble::new(members.iter().map(|number| self.address(*number)))
            .with_timeouts(TICK * 8, Duration::from_secs(8))
    }

    /// A session, as soon as the servers have found each other.
    pub fn session(&self) -> Session {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            match self.ensemble(&[0, 1, 2]).session() {
                Ok(session) => return session,
                Err(error) if Instant::now() > until => panic!("{error}\n{}", self.logs()),
                Err(_) => std::thread::sleep(Duration::from_millis(200)),
            }
        }
    }

    fn logs(&self) -> String {
        let log = |number: usize| self.folder.path().join(number.to_string()).join("log");
        let text = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
        (0..3).map(log).map(text).collect()
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        (0..3).for_each(|number| self.kill(number));
    }
}

/// Ports that nobody has at the moment.
fn free_ports<const N: usize>() -> [u16; N] {
    let sockets = [(); N].map(|()| TcpListener::bind(("127.0.0.1", 0)).unwrap());
    sockets.map(|socket| socket.local_addr().unwrap().port())
}

/// Folder of the unpacked jars.
fn jars() -> Result<PathBuf, String> {
    let java = Command::new("java").arg("-version").output();
    java.map_err(|error| format!("java: {error}"))?;
    let cache = cache()?;
    let done = cache.join("java");
    if !done.is_dir() {
        fs::create_dir_all(&cache).map_err(|error| format!("{}: {error}", cache.display()))?;
        let scratch = tempfile::tempdir_in(&cache).map_err(|error| error.to_string())?;
        fetch(scratch.path())?;
        match fs::rename(scratch.path().join("root/usr/share/java"), &done) {
            // Another test has unpacked the same meanwhile.
            Err(_) if done.is_dir() => (),
            outcome => outcome.map_err(|error| format!("{}: {error}", done.display()))?,
        }
    }
    match JARS.iter().find(|jar| !done.join(jar).exists()) {
        Some(jar) => Err(format!("{} has no {jar}", done.display())),
        None => Ok(done),
    }
}

fn cache() -> Result<PathBuf, String> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(home);
    Ok(base
        .ok_or("neither HOME nor XDG_CACHE_HOME is set")?
        .join("triton-headnode/zookeeper"))
}

fn fetch(into: &Path) -> Result<(), String> {
    run(Command::new("apt-get")
        .args(["download", "-q"])
        .args(PACKAGES)
        .current_dir(into))?;
    let packages = fs::read_dir(into).map_err(|error| error.to_string())?;
    for package in packages.flatten().map(|entry| entry.path()) {
        if package
            .extension()
            .is_some_and(|extension| extension == "deb")
        {
            run(Command::new("dpkg-deb")
                .arg("-x")
                .arg(&package)
                .arg(into.join("root")))?;
        }
    }
    Ok(())
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}
