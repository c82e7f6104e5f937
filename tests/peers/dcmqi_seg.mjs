// dcmqi_seg.mjs SEG...: where dcmqi (the reader of 3D Slicer) finds the labels of DICOM Segmentations.
//
// Prints for each, on a line, the JSON of what pydicom_seg.py gives, or {"refused": "why"}.
import {readFileSync, writeSync} from 'node:fs'
import {readSegmentationNode} from '@itk-wasm/dicom'

// dcmqi's log goes to stdout, and exit() does not wait for a pipe: write all of a line at once.
function print(result) {
  const bytes = Buffer.from(JSON.stringify(result) + '\n')
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(1, bytes, at)
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error
    }
  }
}

let log
console.log = console.info = console.warn = (...words) => log.push(words.join(' '))
for (const path of process.argv.slice(2)) {
  log = []
  try {
    const {segImage: image, metaInfo} = await readSegmentationNode(path, {})
    const [columns, rows] = image.size
    const origin = Array.from(image.origin), spacing = Array.from(image.spacing)
    const direction = Array.from(image.direction)
    const segments = metaInfo.segmentAttributes.flat().map((segment) => ({
      number: segment.labelID, label: segment.SegmentLabel, rgb: segment.recommendedDisplayRGBValue, voxels: []}))
    const byNumber = new Map(segments.map((segment) => [segment.number, segment]))
    const data = image.data
    for (let v = 0; v < data.length; v++) {
      if (data[v] === 0) continue
      const index = [v % columns, Math.floor(v / columns) % rows, Math.floor(v / (columns * rows))]
      byNumber.get(Number(data[v])).voxels.push([0, 1, 2].map((r) => Math.round(1e4 * (origin[r] +
        index.reduce((sum, at, c) => sum + direction[3 * r + c] * spacing[c] * at, 0))) / 1e4))
    }
    print({segments})
  } catch (error) {
    print({refused: String(error?.message ?? error).split('\n')[0], log: log.slice(-3)})
  }
}
process.exit(0)
