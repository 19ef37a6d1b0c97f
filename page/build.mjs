// Bundles src/ into ../auricle/serve/page: index.html and what lies under assets/. Run by `make page`.
import {cp, mkdir, readFile, rm, writeFile} from "node:fs/promises";
import {dirname, join} from "node:path";
import {fileURLToPath} from "node:url";
import {build} from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "auricle", "serve", "page");

// wavesurfer writes its style sheet as an inline <style>, which the page's content policy forbids. It is taken out here, and
// src/waves.ts adopts the rules as a style sheet object instead. A version that does it another way stops the build.
const withoutInlineStyle = {
  name: "without-inline-style",
  setup(builder) {
    builder.onLoad({filter: /wavesurfer\.esm\.js$/}, async ({path}) => {
      const text = await readFile(path, "utf8");
      const found = text.match(/<style[\s\S]*?<\/style>/g) ?? [];
      if (found.length !== 1) throw new Error(`wavesurfer.js has ${found.length} inline styles, wanted 1; look at build.mjs and src/waves.ts`);
      return {contents: text.replace(found[0], ""), loader: "js"};
    });
  },
};

await rm(out, {recursive: true, force: true});
await mkdir(join(out, "assets"), {recursive: true});
await build({
  entryPoints: {page: join(here, "src", "main.ts"), style: join(here, "src", "style.css")},
  outdir: join(out, "assets"),
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022"],
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
  plugins: [withoutInlineStyle],
});
for (const [from, to] of [["index.html", "index.html"], ["favicon.svg", "assets/favicon.svg"]]) await cp(join(here, "src", from), join(out, to));
const licence = await readFile(join(here, "node_modules", "wavesurfer.js", "LICENSE"), "utf8");
await writeFile(join(out, "assets", "licences.txt"), `The page contains wavesurfer.js 8.0.1 under this licence:\n\n${licence}`);
console.log("The page is built: auricle/serve/page");
