// Two entries: sign-in.html, which the hall serves to everybody, and index.html, which it serves only to who is signed in.
// Files named sign-in-* and shared-* in dist/assets are all that the sign-in page needs; everything else stays guarded.
import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

const OPEN = /[\\/]src[\\/](gen|i18n)[\\/]|[\\/]src[\\/](api|dom|fonts|language|icon)\.(ts|css|svg)|node_modules[\\/]@(bufbuild|connectrpc)|vite[\\/](preload|modulepreload)/;

export default defineConfig({
  build: {
    target: "es2022",
    // A font inside a style sheet would need data: in the content security policy.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1200,
    rolldownOptions: {
      input: {
        page: resolve(import.meta.dirname, "index.html"),
        "sign-in": resolve(import.meta.dirname, "sign-in.html"),
      },
      output: {
        entryFileNames: "assets/[name]-[hash].js",
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: (asset) => {
          const of = (ext: string) => asset.names.some((name) => name.endsWith(ext));
          if (of(".woff2") || of(".svg")) return "assets/shared-[name]-[hash][extname]";
          // Every server knows .js for a script; not all know .mjs.
          return of(".mjs") ? "assets/[name]-[hash].js" : "assets/[name]-[hash][extname]";
        },
        codeSplitting: {
          groups: [{ name: "shared", test: (id: string) => OPEN.test(id) || id.startsWith("\0") }],
        },
      },
    },
  },
  // `npm run dev` beside a running hall: its calls go there, /sign-in is the file.
  server: { proxy: { "/ngatu.v1.": { target: process.env["NGATU_HALL"] ?? "https://127.0.0.1:8443", secure: false } } },
  plugins: [
    {
      name: "sign-in",
      configureServer: (server) =>
        void server.middlewares.use((request, _, next) => {
          if (request.url?.split("?")[0] === "/sign-in") request.url = "/sign-in.html";
          next();
        }),
    },
  ],
  test: { include: ["tests/unit/**/*.test.ts"], environment: "happy-dom" },
});
