// monai_viewer.mjs SERVER MODEL SERIES OUTPUT TYPE: asks for labels as OHIF's plugin of MONAI Label does, by axios, and reads
// the answer by nrrd-js.
//
// OUTPUT: all (a form, taken apart as text as the plugin does) or image (the file alone). TYPE: uint8 or uint16. Prints
// {"sizes", "space", "values" (base64 of 16 bits each), "names", "centroids"}.
import axios from 'axios'
import nrrd from 'nrrd-js'

const [server, model, series, output, type] = process.argv.slice(2)

/* The parts of a form by what they say that they are. */
function parts(response) {
  const boundary = response.headers['content-type'].match(/boundary=([^;]+)/i)[1]
  const texts = new TextDecoder().decode(response.data).split(`--${boundary}`)
  const json = texts.find(text => text.includes('Content-Type: application/json'))
  const file = texts.find(text => text.includes('Content-Type: application/octet-stream')).split('\r\n\r\n')[1]
  const bytes = [...file.slice(0, file.lastIndexOf('\r\n'))].map(one => one.charCodeAt(0))
  return {params: JSON.parse(json.slice(json.indexOf('{'), json.lastIndexOf('}') + 1)), file: new Uint8Array(bytes).buffer}
}

const info = (await axios.get(new URL('info/', server).toString())).data
const url = new URL('infer/' + encodeURIComponent(model), server)
url.searchParams.append('image', series)
url.searchParams.append('output', output)
const form = new FormData()
form.append('params', JSON.stringify({result_extension: '.nrrd', result_dtype: type, result_compress: false, restore_label_idx: false}))
const response = await axios.post(url.toString(), form, {responseType: 'arraybuffer', headers: {accept: ['application/json', 'multipart/form-data']}})
const {params, file} = output === 'all' ? parts(response) : {params: {}, file: new Uint8Array(response.data).buffer}
const image = nrrd.parse(file)
const values = new (type === 'uint16' ? Uint16Array : Uint8Array)(image.buffer)
console.log(JSON.stringify({
  sizes: image.sizes, space: image.space, values: Buffer.from(Uint16Array.from(values).buffer).toString('base64'),
  names: params.label_names, centroids: params.centroids, labels: info.labels
}))
