import { nothing } from './x.js';
