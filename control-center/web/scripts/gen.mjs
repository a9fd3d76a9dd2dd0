#!/usr/bin/env node
// Writes src/gen: the TypeScript of models/wire/proto, from the descriptors that `cargo xtask gen` keeps beside the Rust code.
// protoc-gen-es is an ordinary protoc plug-in: a CodeGeneratorRequest in, a CodeGeneratorResponse out.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { CodeGeneratorRequestSchema, CodeGeneratorResponseSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

const web = join(dirname(fileURLToPath(import.meta.url)), "..");
const descriptors = join(web, "../../models/wire/src/gen/descriptors.bin");
const set = fromBinary(FileDescriptorSetSchema, readFileSync(descriptors));
const request = create(CodeGeneratorRequestSchema, {
  fileToGenerate: set.file.map((f) => f.name),
  parameter: "target=ts",
  protoFile: set.file,
});

const plugin = join(web, "node_modules/.bin/protoc-gen-es");
const done = spawnSync(plugin, { input: toBinary(CodeGeneratorRequestSchema, request), maxBuffer: 64 << 20 });
if (done.error || done.status !== 0) {
  console.error(`running ${plugin}: ${done.error?.message ?? done.stderr.toString()}; has \`npm ci\` been run?`);
  process.exit(1);
}
const response = fromBinary(CodeGeneratorResponseSchema, done.stdout);
if (response.error) {
  console.error(`generating from ${descriptors}: ${response.error}`);
  process.exit(1);
}
const out = join(web, "src/gen");
rmSync(out, { recursive: true, force: true });
for (const { name, content } of response.file) {
  const path = join(out, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}
