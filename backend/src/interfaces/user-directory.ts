import type { DirectoryUser } from '../types/user';
import type { SourceAnswer, SourceCall } from './user-sources';

/** The list of users that the external event API keeps. Ids are checked by the caller. No call ever rejects. */
export interface UserDirectory {
  fetchUsers(call: SourceCall): Promise<SourceAnswer<readonly DirectoryUser[]>>;
  fetchUser(userId: string, call: SourceCall): Promise<SourceAnswer<DirectoryUser>>;
}
