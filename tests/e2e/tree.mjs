// An accessibility tree as a short text: roles, names and states, without what people wrote and without what changes.

const VOLATILE = [
  [/\d{1,2}(:\d\d)+( UTC)?/g, "#"],
  [/\d{4}-\d\d(-\d\d)?/g, "#"],
  [/\d{1,2} (January|February|March|April|May|June|July|August|September|October|November|December|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec)( \d{4})?/g, "#"],
  [/\b[0-9a-f]{8,}\b/g, "#"],
  [/\d+([.,]\d+)*/g, "#"],
];
const DATA = /^(cell|time|code|strong|emphasis|paragraph|term|definition|blockquote|superscript|deletion|insertion|rowheader)\b/;
const REPEATED = /^(row|listitem|article|time)\b/;

// `tree` is Playwright's aria snapshot. Rows and items of a list that are alike in shape stand once, marked ×
// (in navigation each counts).
export function outline(tree) {
  const root = { label: "", children: [] };
  const open = [{ depth: -1, node: root }];
  for (const line of tree.split("\n")) {
    const [, spaces, rest] = line.match(/^( *)- (.*)$/) ?? [];
    if (rest === undefined || rest.startsWith("/")) continue;
    while (open.at(-1).depth >= spaces.length) open.pop();
    const node = { label: label(unquoted(rest)), children: [] };
    if (!/^text\b/.test(rest)) open.at(-1).node.children.push(node);
    open.push({ depth: spaces.length, node });
  }
  return root.children.map((node) => shown(node, 0)).join("");
}

// A line whose name YAML would misread is in single quotes.
function unquoted(line) {
  const [, whole, value] = line.match(/^'((?:[^']|'')*)'(:.*)?$/) ?? [];
  return whole === undefined ? line : whole.replaceAll("''", "'") + (value ?? "");
}

function label(line) {
  const [, role, name, states] = line.match(/^(\w+)(?: ("(?:[^"\\]|\\.)*"|\/.*\/))?((?: \[[^\]]*\])*)/) ?? [line, line];
  const kept = name && !DATA.test(role) && !/^(row|listitem|img)$/.test(role) ? ` ${VOLATILE.reduce((text, [what, by]) => text.replace(what, by), name)}` : "";
  return role + kept + (states ?? "").replace(/ \[(ref|cursor)=[^\]]*\]/g, "");
}

function shown(node, depth, all = false) {
  const every = all || node.label.startsWith("navigation");
  const lines = [];
  const seen = new Map();
  for (const child of node.children) {
    const shape = !every && REPEATED.test(child.label) ? roles(child) : "";
    if (shape && seen.has(shape)) lines[seen.get(shape)] = lines[seen.get(shape)].replace(/^( *\S+)( ×)?/, "$1 ×");
    else lines.push(shown(child, depth + 1, every));
    if (shape && !seen.has(shape)) seen.set(shape, lines.length - 1);
  }
  return `${"  ".repeat(depth)}${node.label}\n${lines.join("")}`;
}

const roles = (node) => `${node.label.split(" ")[0]}(${node.children.map(roles).join(" ")})`;
