"use strict";

// Guides are found before the pages of single names, and the design pages last. A name that is typed whole still
// leads to its own page, unless a guide lists it as a keyword.
const LATER = [[/^(design|performance)\//, 20], [/^(api|notebooks)\/|^development$/, 4]];

var Scorer = {
  score([page, , , , score, , kind]) {
    if (kind === "object") return score;
    return LATER.reduce((kept, [pages, times]) => (pages.test(page) ? kept / times : kept), score);
  },
  objNameMatch: 40,
  objPartialMatch: 0,
  objPrio: { 0: 1, 1: 0, 2: -1 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
