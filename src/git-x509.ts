#!/usr/bin/env node
// What `git config gpg.x509.program` names: git gives gpg's arguments and no verb. It is a program of its own, and no
// name that main recognises, as git starts it once for each commit that it shows.

import { runGitProgram } from "./git-main.ts";

process.exitCode = await runGitProgram(process.argv.slice(2));
