// The shape of the tree, checked on every test run: which way imports point, one door per folder, no cycle, sizes,
// no default export, no `any`, no enum, no clock and no randomness in a pure folder. docs/decisions tells why.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative, sep } from "node:path";
import { parseSync } from "oxc-parser";

const root = normalize(join(import.meta.dirname, ".."));
const maxFileLines = 500;
const maxFunctionLines = 70;

const areas = ["tuf", "intoto", "slsa", "sigstore", "tekton", "packages", "advisories", "policy"];
const ground = ["core", "crypto", "tlog"];
const pure = new Set([...ground, ...areas, "flows"]);

/** Folder -> the folders it may import. A folder always may import itself. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  core: [],
  crypto: ["core"],
  tlog: ["core", "crypto"],
  ...Object.fromEntries(areas.map((area) => [area, ground])),
  slsa: [...ground, "intoto"],
  advisories: [...ground, "packages"],
  flows: [...ground, ...areas],
  io: [...ground, ...areas],
  api: [...ground, ...areas],
  server: [...ground, ...areas, "flows", "api"],
  cli: [...ground, ...areas, "flows", "api"],
  main: [...ground, ...areas, "flows", "io", "api", "server", "cli"],
};

/** Package -> the folders that may import it; each has a page in docs/decisions. */
const packages: Readonly<Record<string, readonly string[]>> = {
  "@noble/ciphers": ["crypto"],
  "@noble/curves": ["crypto"],
  "@noble/post-quantum": ["crypto"],
  yaml: ["tekton"],
  jose: ["io"],
  "@photostructure/sqlite": ["io"],
  "modern-tar": ["io"],
  hono: ["server"],
  "@hono/node-server": ["server"],
  commander: ["cli"],
};

const forbiddenFolders = new Set(["utils", "util", "helpers", "common", "shared", "manager"]);

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

const problems: string[] = [];

function report(file: string, line: number, what: string): void {
  problems.push(`${file}:${line}: ${what}`);
}

function sources(folder: string): string[] {
  const out: string[] = [];
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (forbiddenFolders.has(entry.name)) report(path, 1, `"${entry.name}" is no name for a folder`);
      out.push(...sources(path));
    } else if (/\.(ts|tsx|js)$/.test(entry.name) && !entry.name.endsWith(".d.ts")) out.push(path);
  }
  return out;
}

function folderOf(file: string): string {
  const parts = file.split(sep);
  return parts.length > 2 && parts[0] === "src"
    ? (parts[1] as string)
    : parts[0] === "src"
      ? "main"
      : (parts[0] as string);
}

function walk(node: Node, parents: readonly Node[], visit: (node: Node, parents: readonly Node[]) => void): void {
  visit(node, parents);
  const next = [...parents, node];
  for (const value of Object.values(node)) {
    if (Array.isArray(value)) {
      for (const each of value) if (isNode(each)) walk(each, next, visit);
    } else if (isNode(value)) walk(value, next, visit);
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";
}

function lineCounter(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] as number) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}

class FileCheck {
  readonly imports: string[] = [];
  private readonly folder: string;
  private readonly isTest: boolean;
  private readonly line: (offset: number) => number;

  constructor(
    private readonly file: string,
    private readonly text: string,
  ) {
    this.folder = folderOf(file);
    this.isTest = file.endsWith(".test.ts") || !file.startsWith(`src${sep}`);
    this.line = lineCounter(text);
  }

  run(): void {
    const lines = this.text.split("\n").length - 1;
    if (lines > maxFileLines) report(this.file, 1, `${lines} lines, over ${maxFileLines}`);
    if (!this.isTest && !this.file.endsWith("index.ts") && !this.text.startsWith("//") && !this.text.startsWith("#!")) {
      report(this.file, 1, "no comment at its head says what the file is");
    }
    const parsed = parseSync(this.file, this.text);
    for (const error of parsed.errors) report(this.file, 1, error.message);
    walk(parsed.program as unknown as Node, [], (node, parents) => this.visit(node, parents));
  }

  private visit(node: Node, parents: readonly Node[]): void {
    this.visitImport(node);
    this.visitShape(node, parents);
    if (!this.isTest && pure.has(this.folder)) this.visitPure(node);
  }

  private visitImport(node: Node): void {
    const source = node["source"];
    if (!isNode(source) || typeof source["value"] !== "string") return;
    const target = source["value"];
    const line = this.line(node.start);
    if (target.startsWith(".")) {
      const path = normalize(join(dirname(this.file), target));
      // A type costs nothing at run time and closes no cycle.
      if (node["importKind"] !== "type" && node["exportKind"] !== "type") this.imports.push(path);
      if (!this.isTest) this.checkArrow(path, line, node.type === "ImportExpression");
    } else if (!this.isTest) this.checkPackage(target, line);
    if (!this.isTest && node.type === "ImportDeclaration") this.checkNames(node, line);
  }

  private checkArrow(path: string, line: number, lazy: boolean): void {
    const target = folderOf(path);
    if (target === this.folder) return;
    if (!(arrows[this.folder] ?? []).includes(target))
      report(this.file, line, `${this.folder} may not import ${target}`);
    const door = path === join("src", target, "index.ts");
    // main is the only file that knows everything, and loads each verb when it is asked for.
    if (!door && !(this.folder === "main" && lazy))
      report(this.file, line, `${target} is entered by its index.ts only`);
  }

  private checkPackage(target: string, line: number): void {
    if (target.startsWith("node:")) {
      const allowed = this.folder === "crypto" ? target === "node:crypto" : !pure.has(this.folder);
      if (!allowed) report(this.file, line, `${this.folder} is pure and may not import ${target}`);
      if (target === "node:crypto" && this.folder !== "crypto")
        report(this.file, line, "node:crypto is reached through crypto alone");
      return;
    }
    const name = target
      .split("/")
      .slice(0, target.startsWith("@") ? 2 : 1)
      .join("/");
    if (!(packages[name] ?? []).includes(this.folder))
      report(this.file, line, `${this.folder} may not import the package ${name}`);
  }

  private checkNames(node: Node, line: number): void {
    const names = (node["specifiers"] as readonly Node[]).map(
      (each) => (each["imported"] as Node | undefined)?.["name"],
    );
    if (names.includes("markVerified") && !/\/verify[^/]*\.ts$/.test(`/${this.file.split(sep).join("/")}`)) {
      report(this.file, line, "only verify*.ts may mark a value verified");
    }
    const random = names.some((name) => name === "randomBytes" || name === "generateKey");
    if (random && pure.has(this.folder) && this.folder !== "crypto") {
      report(this.file, line, "a pure folder makes no random numbers");
    }
  }

  private visitShape(node: Node, parents: readonly Node[]): void {
    const line = this.line(node.start);
    // node:test loads a reporter by its default export.
    if (node.type === "ExportDefaultDeclaration" && this.file !== join("tools", "reporter.js"))
      report(this.file, line, "default export");
    if (node.type === "TSAnyKeyword") report(this.file, line, "any");
    if (node.type === "TSEnumDeclaration") report(this.file, line, "enum");
    if (!this.isTest && /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type)) {
      const length = this.line(node.end) - line + 1;
      const name =
        (node["id"] as Node | null)?.["name"] ??
        (parents.at(-1)?.["key"] as Node | undefined)?.["name"] ??
        "a function";
      if (length > maxFunctionLines)
        report(this.file, line, `${String(name)} has ${length} lines, over ${maxFunctionLines}`);
    }
  }

  private visitPure(node: Node): void {
    const line = this.line(node.start);
    if (node.type === "MemberExpression") {
      const name = `${String((node["object"] as Node)["name"])}.${String((node["property"] as Node)["name"])}`;
      if (["Date.now", "performance.now", "Math.random"].includes(name))
        report(this.file, line, `${name} in a pure folder`);
    }
    if (node.type === "NewExpression" && (node["callee"] as Node)["name"] === "Date") {
      if ((node["arguments"] as readonly Node[]).length === 0) report(this.file, line, "a clock in a pure folder");
    }
  }
}

function checkCycles(graph: ReadonlyMap<string, readonly string[]>): void {
  const state = new Map<string, "open" | "done">();
  const visit = (file: string, path: readonly string[]): void => {
    if (state.get(file) === "done" || !graph.has(file)) return;
    if (state.get(file) === "open") {
      report(file, 1, `import cycle: ${[...path.slice(path.indexOf(file)), file].join(" -> ")}`);
      return;
    }
    state.set(file, "open");
    for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
    state.set(file, "done");
  };
  for (const file of graph.keys()) visit(file, []);
}

function checkFolders(): void {
  for (const folder of readdirSync(join(root, "src"), { withFileTypes: true })) {
    if (!folder.isDirectory()) continue;
    if (!(folder.name in arrows)) report(join("src", folder.name), 1, "is not a folder of the design");
    for (const needed of ["index.ts", "README.md"]) {
      if (!existsSync(join(root, "src", folder.name, needed))) report(join("src", folder.name), 1, `has no ${needed}`);
    }
  }
}

function checkDecisions(): void {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    dependencies?: Record<string, string>;
    optionalDependencies?: Record<string, string>;
  };
  const pages = readdirSync(join(root, "docs", "decisions")).map((name) =>
    readFileSync(join(root, "docs", "decisions", name), "utf8"),
  );
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
    if (!pages.some((page) => page.includes(`\`${name}\``)))
      report("package.json", 1, `no page in docs/decisions for ${name}`);
  }
}

const graph = new Map<string, readonly string[]>();
for (const file of ["src", "test", "bench", "tools"].flatMap((folder) =>
  existsSync(join(root, folder)) ? sources(folder) : [],
)) {
  const check = new FileCheck(file, readFileSync(join(root, file), "utf8"));
  check.run();
  graph.set(file, check.imports);
}
checkCycles(graph);
checkFolders();
checkDecisions();
for (const problem of problems) console.error(problem);
console.log(`tidy: ${graph.size} files, ${problems.length} problems (${relative(process.cwd(), root) || "."})`);
process.exitCode = problems.length === 0 ? 0 : 1;
