// A hook for Node before 20.19, which takes ES modules for CommonJS where a package.json does not say what its files
// are (dcmjs, gl-matrix); later ones look into the file, as this does.
import {readFileSync} from 'node:fs'

export function load(url, context, next) {
  const unsure = context.format === 'commonjs' && url.startsWith('file:')
  const module = unsure && /^\s*(import\s[^(]|export\s)/m.test(readFileSync(new URL(url), 'utf8'))
  return next(url, module ? {...context, format: 'module'} : context)
}
