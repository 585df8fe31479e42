import type { Config } from '../config';
import { readTlsFiles, readTokenKeysFile, type TlsPair } from '../external-services/files/pem-files';
import type { JwtSigner } from '../external-services/tokens/jwt-signer';
import { hmacTokenKey, type TokenKeys } from '../external-services/tokens/token-key';

/** The keys of tokens that the settings name. @throws SettingsFileError */
export async function readTokenKeys(config: Config): Promise<TokenKeys> {
  if (config.jwtKeyFile !== null) return readTokenKeysFile(config.jwtKeyFile);
  const [first, ...others] = config.jwtKeys.map(hmacTokenKey);
  if (first === undefined) throw new Error('no JWT key is configured');
  return [first, ...others];
}

/** The certificate and its key, where the settings name them. @throws SettingsFileError */
export async function readTls({ tlsCertFile, tlsKeyFile }: Config): Promise<TlsPair | null> {
  return tlsCertFile !== null && tlsKeyFile !== null ? readTlsFiles(tlsCertFile, tlsKeyFile) : null;
}

/** The keys that tokens are signed by, and those of TLS. */
export class SettingsKeys {
  /** What the server must do with a new certificate. */
  onNewTls: (pair: TlsPair) => void = () => undefined;

  constructor(
    private readonly config: Config,
    readonly signer: JwtSigner,
    readonly tls: TlsPair | null,
  ) {}

  /** @throws SettingsFileError, and then nothing has changed */
  async reloadTokenKeys(): Promise<void> {
    this.signer.replace(await readTokenKeys(this.config));
  }

  /** @throws SettingsFileError, and then nothing has changed */
  async reloadTls(): Promise<void> {
    const pair = await readTls(this.config);
    if (pair !== null) this.onNewTls(pair);
  }
}
