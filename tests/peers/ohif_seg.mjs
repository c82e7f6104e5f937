// ohif_seg.mjs [SEG FOLDER]...: where OHIF's reader (cornerstone's adapter) finds the labels of a DICOM
// Segmentation on the images of a folder.
//
// Prints for each pair, on a line, the JSON of what pydicom_seg.py gives, or {"refused": "why"}.
import {webcrypto} from 'node:crypto'
import {readdirSync, readFileSync, writeSync} from 'node:fs'
import {register} from 'node:module'
import {join} from 'node:path'

register('./es_modules.mjs', import.meta.url)
// What Node before 20 lacks of a browser.
globalThis.crypto ??= webcrypto
globalThis.CustomEvent ??= class extends Event {
  constructor(type, options) {
    super(type, options)
    this.detail = options?.detail ?? null
  }
}
const {default: dcmjs} = await import('dcmjs')

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

for (const name of ['log', 'info', 'warn', 'debug', 'error']) console[name] = () => {}
dcmjs.log?.setLevel?.('silent')
const {adaptersSEG} = await import('@cornerstonejs/adapters')
const {cache, metaData} = await import('@cornerstonejs/core')

function read(path) {
  const bytes = readFileSync(path)
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  const {DicomMessage, DicomMetaDictionary} = dcmjs.data
  const file = DicomMessage.readFile(buffer, {ignoreErrors: true})
  const dataset = DicomMetaDictionary.naturalizeDataset(file.dict)
  dataset._meta = DicomMetaDictionary.namifyDataset(file.meta)
  return {buffer, dataset}
}

const first = (sequence) => (Array.isArray(sequence) ? sequence[0] : sequence)
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
const dot = (a, b) => a.reduce((sum, x, c) => sum + x * b[c], 0)

/** One image per slice, a multi-frame object as many: sorted along the normal, as OHIF hands them. */
function sourceImages(folder) {
  const images = []
  for (const name of readdirSync(folder, {recursive: true})) {
    let dataset
    try {
      dataset = read(join(folder, name)).dataset
    } catch {
      continue
    }
    if (!dataset.Rows) continue
    const frames = Number(dataset.NumberOfFrames ?? 1)
    const shared = first(dataset.SharedFunctionalGroupsSequence)
    for (let frame = 1; frame <= frames; frame++) {
      const own = dataset.PerFrameFunctionalGroupsSequence?.[frame - 1]
      const macro = (sequence) => first(own?.[sequence]) ?? first(shared?.[sequence]) ?? dataset
      const position = macro('PlanePositionSequence').ImagePositionPatient?.map(Number)
      const cosines = macro('PlaneOrientationSequence').ImageOrientationPatient?.map(Number)
      const spacing = macro('PixelMeasuresSequence').PixelSpacing?.map(Number)
      const id = `${dataset.PerFrameFunctionalGroupsSequence || frames > 1 ? 'multiframe' : 'single'}` +
        `:${dataset.SOPInstanceUID}?frame=${frame}`
      images.push({id, dataset, frame, position, cosines, spacing})
    }
  }
  if (images.every(({position}) => position)) {
    const normal = cross(images[0].cosines.slice(0, 3), images[0].cosines.slice(3))
    images.sort((a, b) => dot(a.position, normal) - dot(b.position, normal))
  }
  return images
}

let provider
metaData.addProvider((type, id) => provider?.get(type, id), 1000)

function provide(images) {
  const byId = new Map(images.map((image) => [image.id, image]))
  const get = (type, id) => {
    const image = byId.get(id)
    if (!image) return undefined
    const {dataset, position, cosines, spacing, frame} = image
    switch (type) {
      case 'instance':
        return {...dataset, ImagePositionPatient: position, ImageOrientationPatient: cosines,
          PixelSpacing: spacing, frameNumber: frame}
      case 'generalImageModule':
        return {sopInstanceUID: dataset.SOPInstanceUID}
      case 'generalSeriesModule':
        return {modality: dataset.Modality, seriesInstanceUID: dataset.SeriesInstanceUID}
      case 'frameModule':
        return {frameNumber: frame, sopInstanceUID: dataset.SOPInstanceUID}
      case 'imagePixelModule':
        return {bitsAllocated: dataset.BitsAllocated, bitsStored: dataset.BitsStored,
          highBit: dataset.HighBit, pixelRepresentation: dataset.PixelRepresentation,
          samplesPerPixel: dataset.SamplesPerPixel, photometricInterpretation: dataset.PhotometricInterpretation,
          rows: dataset.Rows, columns: dataset.Columns}
      case 'imagePlaneModule':
        return {frameOfReferenceUID: dataset.FrameOfReferenceUID, rows: dataset.Rows, columns: dataset.Columns,
          imageOrientationPatient: cosines, imagePositionPatient: position, pixelSpacing: spacing,
          rowCosines: cosines?.slice(0, 3), columnCosines: cosines?.slice(3),
          rowPixelSpacing: spacing?.[0], columnPixelSpacing: spacing?.[1]}
      default:
        return undefined
    }
  }
  return (provider = {get})
}

const pairs = process.argv.slice(2)
while (pairs.length) {
  const [path, folder] = pairs.splice(0, 2)
  cache.purgeCache() // of the pair before, which may have the same UIDs
  try {
    const {buffer} = read(path)
    const images = sourceImages(folder)
    const result = await adaptersSEG.Cornerstone3D.Segmentation.createFromDICOMSegBuffer(
      images.map(({id}) => id), buffer, {metadataProvider: provide(images), tolerance: 1e-3})
    const rgb = dcmjs.data.Colors
    const segments = result.segMetadata.data.filter(Boolean).map((segment) => ({
      number: Number(segment.SegmentNumber), label: segment.SegmentLabel,
      rgb: segment.RecommendedDisplayCIELabValue
        ? rgb.dicomlab2RGB(segment.RecommendedDisplayCIELabValue.map(Number)).map((c) => Math.round(255 * c)) : null,
      voxels: []}))
    const byNumber = new Map(segments.map((segment) => [segment.number, segment]))
    for (const group of result.labelMapImages)
      group.forEach((labelMap, k) => {
        const {position, cosines, spacing, dataset: source} = images[k]
        const data = labelMap.voxelManager.getScalarData()
        for (let v = 0; v < data.length; v++) {
          if (!data[v]) continue
          const i = v % source.Columns, j = Math.floor(v / source.Columns)
          byNumber.get(data[v]).voxels.push(position ? [0, 1, 2].map((c) => Math.round(1e4 *
            (position[c] + i * spacing[1] * cosines[c] + j * spacing[0] * cosines[3 + c])) / 1e4) : [i, j, k])
        }
      })
    print({segments})
  } catch (error) {
    print({refused: String(error?.stack ?? error).split('\n').slice(0, 3).join(' | ')})
  }
}
process.exit(0)
