import Joi from 'joi';
import type { CatalogueEntry } from '../types/event';
import { readYamlFile } from './yaml';
import type { YamlRules } from './yaml';

interface CatalogueFile {
  readonly events: readonly CatalogueEntry[];
}

const REQUIRABLE = ['value', 'currency', 'campaign_id', 'click_id'] as const;

const entry = Joi.object<CatalogueEntry>({
  name: Joi.string()
    .pattern(/^[A-Za-z][A-Za-z0-9._-]{0,63}$/)
    .messages({ 'string.pattern.base': 'must be 1 to 64 of A-Z a-z 0-9 . _ - and begin with a letter' }),
  description: Joi.string().allow('').max(500).optional().default(''),
  points: Joi.number().integer().min(0).max(1_000_000).optional().default(0),
  requires: Joi.array()
    .items(Joi.string().valid(...REQUIRABLE))
    .unique()
    .messages({ 'array.unique': 'is there twice' })
    .optional()
    .default([]),
  negative: Joi.boolean().strict().optional(),
  destinations: Joi.array()
    .items(Joi.string().max(64))
    .unique()
    .max(100)
    .messages({ 'array.unique': 'is there twice' })
    .optional(),
});

// Joi compares before it knows that the names are texts.
const isSameName = (one: { name?: unknown }, other: { name?: unknown }) =>
  typeof one.name === 'string' && typeof other.name === 'string' && one.name.toLowerCase() === other.name.toLowerCase();

const POINTS = 'must be a whole number from 0 to 1000000';

const catalogueFile = Joi.object<CatalogueFile>({
  // The older clients may write a name in either case, so two that differ in nothing else are one.
  events: Joi.array()
    .items(entry)
    .min(1)
    .max(10_000)
    .unique(isSameName)
    .messages({ 'array.unique': 'has the name of another event; case makes no difference' }),
}).messages({
  'any.required': 'is missing',
  'any.only': `must be one of ${REQUIRABLE.join(', ')}`,
  'array.base': 'must be a list',
  'array.min': 'must not be empty',
  'array.max': 'must have at most {#limit} entries',
  'array.unique': 'is there twice',
  'boolean.base': 'must be true or false',
  'number.base': POINTS,
  'number.integer': POINTS,
  'number.min': POINTS,
  'number.max': POINTS,
  'number.unsafe': POINTS,
  'number.infinity': POINTS,
  'object.base': 'must be a mapping',
  'object.unknown': 'is not known here',
  'string.base': 'must be a text; put it in quotes',
  'string.empty': 'must not be empty',
  'string.max': 'must be at most {#limit} characters',
});

/**
 * The event catalogue that `EVENTS_FILE` describes.
 * @param lookup gives what `${NAME}` stands for
 * @throws SettingsFileError naming every fault with its line
 */
export async function readCatalogueFile(
  path: string,
  lookup?: YamlRules<CatalogueFile>['lookup'],
): Promise<CatalogueEntry[]> {
  const { events } = await readYamlFile(path, { schema: catalogueFile, ...(lookup && { lookup }) });
  return [...events];
}
