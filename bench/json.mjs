// json.mjs: V8's JSON.parse over the same files as bench/json_bench: node bench/json.mjs FILE...
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

const SECONDS = 0.5;

for (const path of process.argv.slice(2)) {
    // V8 parses strings, not bytes; a server that gets bytes pays for both steps.
    const bytes = readFileSync(path);
    const text = bytes.toString('utf8');
    for (const [name, parse] of [['V8 text', () => JSON.parse(text)], ['V8 bytes', () => JSON.parse(bytes.toString('utf8'))]]) {
        let best = Infinity;
        const batch = Math.max(1, Math.floor(1e6 / bytes.length));
        for (const end = performance.now() + SECONDS * 1000; performance.now() < end; ) {
            const start = performance.now();
            for (let i = 0; i < batch; i++) parse();
            best = Math.min(best, (performance.now() - start) / batch);
        }
        console.log(`${basename(path).padEnd(16)} ${name.padEnd(16)} ${(bytes.length / best / 1000).toFixed(0).padStart(6)} MB/s`);
    }
}
