// The technician's page in Chromium: what a technician and a viewer do on it, whether it is accessible, and how large it is.
//
// node check_page.mjs MAMORU WRITE_EXAM MODEL_FOLDER OUT_FOLDER
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { Device } from "./device.mjs";

const [program, writeExam, model, out] = process.argv.slice(2);
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const NOTICE = "Research use only, not a medical device";
const PAGES = ["/", "/studies", "/deliveries", "/destinations", "/models", "/health", "/logs", "/drift", "/settings", "/account"];
const SIZES = { desktop: { width: 1280, height: 900 }, phone: { width: 360, height: 740 } };
const WAIT = 120_000;

function step(text) {
  console.log(`- ${text}`);
}

async function signIn(page, name, password) {
  await page.goto("/sign-in");
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

// WCAG 2.2 A and AA by axe-core; the script goes in by the driver, for the page itself lets none in.
async function accessible(page, where) {
  await page.evaluate(AXE);
  const found = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }));
  const told = found.violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.html).slice(0, 3).join(" | ")}`);
  assert.deepEqual(told, [], `axe on ${where}`);
}

async function look(page, name, path) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    await page.goto(path);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(wide <= 0, `${name} on a ${size} is ${wide} px too wide`);
    await page.screenshot({ path: join(out, `${name}-${size}.png`), fullPage: true });
  }
  await page.setViewportSize(SIZES.desktop);
}

async function everyPage(page) {
  for (const path of PAGES) {
    const answer = await page.goto(path);
    assert.equal(answer.status(), 200, path);
    assert.ok((await page.content()).includes(NOTICE), path);
    assert.equal(await page.getByRole("heading", { level: 1 }).count(), 1, path);
    await accessible(page, path);
    await look(page, path === "/" ? "overview" : path.slice(1), path);
  }
}

// All bytes of the overview and what it loads, and the time until its last byte by the browser's own clock.
async function overviewIsSmallAndQuick(page) {
  let bytes = 0;
  const times = [];
  for (let turn = 0; turn < 9; turn += 1) {
    await page.goto("/", { waitUntil: "load" });
    const entry = await page.evaluate(() => {
      const [page] = performance.getEntriesByType("navigation");
      const all = [page, ...performance.getEntriesByType("resource")];
      return { bytes: all.reduce((sum, each) => sum + each.decodedBodySize, 0), files: all.length, ms: page.responseEnd - page.requestStart };
    });
    assert.ok(entry.files >= 3, "the overview with its style and script");
    bytes = Math.max(bytes, entry.bytes);
    times.push(entry.ms);
  }
  times.sort((a, b) => a - b);
  assert.ok(bytes > 1000 && bytes < 100 * 1024, `the overview has ${bytes} bytes`);
  return { bytes, median_ms: Math.round(times[4] * 10) / 10, worst_ms: Math.round(times[8] * 10) / 10 };
}

async function study(page, device, exam) {
  await page.goto("/studies");
  assert.equal(await page.locator("tbody tr").count(), 0);
  device.send(exam);
  // Nobody loads the page again: it renews itself.
  await page.locator("tbody tr").first().waitFor({ timeout: WAIT });
  step("a study arrives while the page is looked at");
  await page.getByText("Final").first().waitFor({ timeout: WAIT });
  await page.locator("tbody tr a").first().click();
  await page.getByRole("heading", { name: "Images" }).waitFor();
  assert.equal(await page.locator("figure").count(), 4);
  assert.equal(await page.locator("figure").filter({ hasText: "Score" }).count(), 4);
  const shown = async (kind) => page.locator(`img.${kind}`).first().evaluate((image) => getComputedStyle(image).visibility !== "hidden"
    && getComputedStyle(image).display !== "none" && getComputedStyle(image).opacity !== "0");
  const loaded = async (kind) => {
    await page.locator(`img.${kind}`).first().scrollIntoViewIfNeeded();
    await page.waitForFunction((each) => document.querySelector(`img.${each}`).naturalWidth > 100, kind, { timeout: WAIT });
  };
  await loaded("picture");
  const heat = page.getByLabel("Show heat maps");
  const before = await shown("heat");
  await heat.focus();
  await page.keyboard.press("Space");
  assert.deepEqual([before, await shown("heat")], [false, true], "the heat map is toggled by the keyboard");
  await loaded("heat");
  await page.screenshot({ path: join(out, "study-heat-maps.png"), fullPage: true });
  step("four images with scores, and heat maps that the keyboard toggles");
  await accessible(page, "a study");
  await look(page, "study", new URL(page.url()).pathname);
  return new URL(page.url()).pathname;
}

async function identifiers(page, path) {
  await page.goto(path);
  const has = async () => /PHANTOM-\d/.test(await page.content());
  const first = await has();
  await page.getByRole("button", { name: /patient identifiers/ }).click();
  await page.waitForLoadState();
  assert.notEqual(first, await has(), "identifiers are shown and hidden");
  for (const listed of ["/", "/studies", "/deliveries", "/logs", "/settings", "/drift"]) {
    await page.goto(listed);
    assert.equal(await has(), false, `${listed} names nobody`);
  }
  step("patient identifiers are hidden and shown, and stand nowhere else");
}

async function deliveries(page, device) {
  await page.goto("/deliveries");
  await page.locator(".badge", { hasText: "Parked" }).first().waitFor({ timeout: WAIT });
  // Tried again and refused again, it is parked since another time.
  const parked = () => device.run("queue", "--json", "--config", device.config);
  const before = parked();
  await page.getByRole("button", { name: /Retry/ }).first().click();
  await page.waitForLoadState();
  for (const end = Date.now() + WAIT; parked() === before && Date.now() < end;) await page.waitForTimeout(100);
  assert.notEqual(parked(), before, "the parked result was tried again");
  step("a parked result is tried again");
  await page.goto("/destinations");
  const card = page.locator("li, tr, section").filter({ hasText: "away" }).last();
  await card.getByRole("button", { name: /Echo|Call/ }).first().click();
  await page.waitForLoadState();
  assert.match(await page.locator("main").innerText(), /refused|cannot connect|firewall/i, "the echo says why not");
  step("a destination that is away says so");
}

async function models(page, device, bundle) {
  const scores = () => device.status().model.version;
  const builtIn = scores();
  await page.goto("/models");
  await page.getByLabel(/Bundle/).setInputFiles(bundle);
  await page.getByRole("button", { name: "Install" }).click();
  const later = page.locator("li").filter({ hasText: "later" });
  await later.getByRole("button", { name: /Activate/ }).waitFor({ timeout: WAIT });
  assert.equal(scores(), builtIn, "what is installed waits");
  step("a bundle is installed from the page");
  await look(page, "models-installed", "/models");
  await later.getByRole("button", { name: /Activate/ }).click();
  await later.getByText("Active", { exact: false }).filter({ hasText: "✓" }).first().waitFor({ timeout: WAIT });
  assert.equal(scores(), "later");
  step("it is activated, tried on a synthetic exam, and confirmed");
  await page.goto("/models");
  await later.getByRole("button", { name: /Roll back/ }).click();
  for (const end = Date.now() + WAIT; scores() !== builtIn && Date.now() < end;) await page.waitForTimeout(200);
  assert.equal(scores(), builtIn);
  step("and rolled back");
  await page.goto("/models");
  await page.getByLabel(/Bundle/).setInputFiles(join(out, "overview-phone.png"));
  await page.getByRole("button", { name: "Install" }).click();
  await page.getByText(/B\d{3}/).first().waitFor({ timeout: WAIT });
  step("what is no bundle is refused with its code");
}

async function viewer(browser, device, password) {
  const context = await browser.newContext({ baseURL: device.page, ignoreHTTPSErrors: true });
  const page = await context.newPage();
  await signIn(page, "vera", password);
  await page.goto("/models");
  assert.equal(await page.getByRole("button", { name: /Install|Activate|Roll back|Remove/ }).count(), 0);
  assert.ok((await page.content()).includes("Only technicians"));
  await context.close();
  step("a viewer sees and cannot change");
}

async function strangers(browser, device) {
  const context = await browser.newContext({ baseURL: device.page, ignoreHTTPSErrors: true, javaScriptEnabled: false });
  const page = await context.newPage();
  for (const path of [...PAGES, "/api/v1/overview"]) {
    const answer = await page.goto(path);
    const seen = answer.status() >= 400 || new URL(page.url()).pathname === "/sign-in";
    assert.ok(seen, `${path} shows something to strangers`);
  }
  await signIn(page, "tess", "not the password");
  assert.equal(new URL(page.url()).pathname, "/sign-in");
  const metrics = await context.request.get("/metrics");
  assert.match(await metrics.text(), /^mamoru_images_waiting \d+$/m);
  await context.close();
  step("strangers see the sign-in page, health and metrics alone");
}

async function main() {
  mkdirSync(out, { recursive: true });
  const device = new Device(program);
  const exam = join(device.folder, "exam");
  mkdirSync(exam);
  execFileSync(writeExam, [exam]);
  const [tess, vera] = [device.user("tess", "technician"), device.user("vera", "viewer")];
  const bundle = device.bundle(model, 2);
  await device.start();
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
  try {
    await strangers(browser, device);
    const context = await browser.newContext({ baseURL: device.page, ignoreHTTPSErrors: true });
    const page = await context.newPage();
    const wrong = [];
    page.on("pageerror", (error) => wrong.push(String(error)));
    page.on("console", (message) => { if (message.type() === "error" && /Content Security Policy/.test(message.text())) wrong.push(message.text()); });
    await page.goto("/sign-in");
    await accessible(page, "/sign-in");
    await look(page, "sign-in", "/sign-in");
    await signIn(page, "tess", tess);
    await page.getByRole("heading", { level: 1 }).waitFor();
    const path = await study(page, device, exam);
    await identifiers(page, path);
    await everyPage(page);
    step("every page is accessible by axe-core and fits a phone");
    const size = await overviewIsSmallAndQuick(page);
    step(`the overview: ${JSON.stringify(size)}`);
    await deliveries(page, device);
    await viewer(browser, device, vera);
    await models(page, device, bundle);
    assert.deepEqual(wrong, [], "nothing went wrong in the page's own script");
    await context.close();
  } finally {
    await browser.close();
    assert.equal(await device.stop(), 0, "the device ends well");
  }
  console.log("the page: all passed");
}

await main();
