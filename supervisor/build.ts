// `npm run build` makes what production needs beside the sources. That will be the page; this release has none yet.
console.log('Nothing to build: this release runs from its sources.')
