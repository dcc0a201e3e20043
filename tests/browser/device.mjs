// A device for the browser: `mamoru serve` with a state folder, users and a bundle of its own, on ports that the system gives.
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { tmpdir } from "node:os";
import { join } from "node:path";

export class Device {
  constructor(program) {
    this.program = program;
    this.folder = mkdtempSync(join(tmpdir(), "mamoru-page-"));
    this.state = join(this.folder, "state");
    this.config = join(this.folder, "mamoru.toml");
    mkdirSync(this.state, { mode: 0o700 });
    // The second destination is nowhere: its results are parked.
    writeFileSync(this.config, [
      `state_dir = ${JSON.stringify(this.state)}`,
      "[receiver]", 'listen = "127.0.0.1:0"',
      "[console]", 'listen = "127.0.0.1:0"',
      "[assembly]", "settle_ms = 200", "quiet_ms = 2000",
      "[[destinations]]", 'name = "folder"', `folder = ${JSON.stringify(join(this.folder, "results"))}`,
      "[[destinations]]", 'name = "away"', 'address = "127.0.0.1:9"', 'called_ae = "AWAY"',
      "retry = { first_ms = 20, longest_ms = 50, attempts_max = 2 }",
      "timeouts = { connect_ms = 500, send_ms = 500, response_ms = 500 }", "",
    ].join("\n"));
  }

  run(...words) {
    const ended = spawnSync(this.program, words, { encoding: "utf8", env: { ...process.env, MAMORU_ENGINE: "cpu" } });
    if (ended.status !== 0) throw new Error(`mamoru ${words.join(" ")}: ${ended.stderr}${ended.stdout}`);
    return ended.stdout;
  }

  // Gives a new user's password.
  user(name, role) {
    return JSON.parse(this.run("console", "user", name, "--role", role, "--json", "--config", this.config)).password;
  }

  // A signed bundle of the model that comes with the software, under a later version.
  bundle(model, sequence) {
    const keys = join(this.folder, "keys"), folder = join(this.folder, "model"), out = join(this.folder, "later.mbundle");
    this.run("bundle", "keygen", keys);
    copyFileSync(join(keys, "keys.json"), join(this.state, "keys.json"));
    mkdirSync(folder);
    for (const name of ["network.onnx", "golden.json", "MODEL_CARD.md"]) copyFileSync(join(model, name), join(folder, name));
    const manifest = JSON.parse(readFileSync(join(model, "manifest.json"), "utf8"));
    writeFileSync(join(folder, "manifest.json"), JSON.stringify({ ...manifest, version: "later" }));
    this.run("bundle", "pack", folder, "--sequence", String(sequence), "--licence", "tests only", "--key", join(keys, "release.key"), "--out", out);
    return out;
  }

  async start() {
    const env = { ...process.env, MAMORU_ENGINE: "cpu" };
    this.child = spawn(this.program, ["serve", "--json", "--config", this.config], { stdio: ["ignore", "pipe", "ignore"], env });
    for await (const line of createInterface({ input: this.child.stdout })) {
      const ready = JSON.parse(line);
      this.page = ready.console;
      this.listen = ready.listen;
      return;
    }
    throw new Error("the device was not ready");
  }

  send(...paths) {
    return this.run("send", "--to", `MAMORU@${this.listen}`, ...paths);
  }

  status() {
    return JSON.parse(this.run("status", "--json", "--config", this.config));
  }

  // SIGTERM, and whether it ended well.
  async stop() {
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGTERM");
    const code = await ended;
    rmSync(this.folder, { recursive: true, force: true });
    return code;
  }
}
