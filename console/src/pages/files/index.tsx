import type { Schemas } from "@kasal/client";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { DropZone, FileTrigger } from "react-aria-components";
import { kasal, keys, useMay } from "../../api/index.ts";
import { fileTexts } from "../../texts/files.ts";
import {
  Button,
  Empty,
  formats,
  IconButton,
  icons,
  Link,
  Moment,
  Page,
  Problem,
  Select,
  SkeletonRows,
  Table,
  toast,
} from "../../ui/index.ts";
import { Removal } from "../../ui/removal.tsx";
import styles from "./files.module.css";
import { type Upload, useUploads } from "./uploading.ts";

type Entry = Schemas["FileAnswer"];
type Kind = Entry["kind"];
const SIZE = 50;

/** The files of the workspace. */
export default function FilesPage() {
  const [kind, setKind] = useState<Kind | "">("");
  const [after, setAfter] = useState<string[]>([]);
  const mayEdit = useMay("editor");
  const last = after.at(-1);
  const query = { limit: SIZE, ...(kind ? { kind } : {}), ...(last ? { after: last } : {}) };
  const files = useQuery({
    queryKey: keys.files(query),
    queryFn: ({ signal }) => kasal.get("/files", { query, signal }),
    placeholderData: keepPreviousData,
  });
  return (
    <Page
      title={fileTexts.title}
      lead={fileTexts.lead}
      beside={files.data && <small>{fileTexts.total(files.data.total)}</small>}
    >
      {mayEdit && <Uploads />}
      <div className={styles.filter}>
        <Select
          label={fileTexts.kind}
          options={[
            { id: "", text: fileTexts.all },
            ...Object.entries(fileTexts.kinds).map(([id, text]) => ({ id, text })),
          ]}
          value={kind}
          onChange={(key) => {
            setKind(key as Kind | "");
            setAfter([]);
          }}
        />
      </div>
      {files.error && <Problem what={fileTexts.couldNotRead} error={files.error} onRetry={() => files.refetch()} />}
      {files.isPending && <SkeletonRows />}
      {files.data?.files.length === 0 && <Empty title={fileTexts.none}>{fileTexts.noneText}</Empty>}
      {files.data && files.data.files.length > 0 && <FileTable files={files.data.files} mayEdit={mayEdit} />}
      {(files.data?.next || after.length > 0) && (
        <div className={styles.row}>
          <Button isDisabled={!after.length} onPress={() => setAfter(after.slice(0, -1))}>
            {fileTexts.newer}
          </Button>
          <Button
            isDisabled={!files.data?.next}
            onPress={() => files.data?.next && setAfter([...after, files.data.next])}
          >
            {fileTexts.older}
          </Button>
        </div>
      )}
    </Page>
  );
}

function FileTable({ files, mayEdit }: { files: readonly Entry[]; mayEdit: boolean }) {
  const { columns } = fileTexts;
  const client = useQueryClient();
  return (
    <Table
      label={fileTexts.title}
      rows={files}
      rowKey={(file) => file.file_id}
      columns={[
        { id: "name", title: columns.name, grow: true, cell: (file) => <span title={file.file_id}>{file.name}</span> },
        { id: "size", title: columns.size, end: true, cell: (file) => formats.bytes(file.size) },
        { id: "type", title: columns.type, minor: true, cell: (file) => file.media_type },
        {
          id: "from",
          title: columns.from,
          minor: true,
          cell: (file) =>
            file.job_id ? <Link href={`/runs/${file.job_id}`}>{file.job_id.slice(0, 14)}…</Link> : fileTexts.uploaded,
        },
        { id: "made", title: columns.made, minor: true, cell: (file) => <Moment at={file.created_at} /> },
        {
          id: "actions",
          title: <span className="visually-hidden">{columns.actions}</span>,
          end: true,
          cell: (file) => (
            <span className={styles.actions}>
              <IconButton small label={fileTexts.download(file.name)} onPress={() => downloadFile(file)}>
                <icons.DownloadIcon size={14} />
              </IconButton>
              {mayEdit && (
                <Removal
                  small
                  open={fileTexts.remove}
                  label={fileTexts.removeLabel(file.name)}
                  title={fileTexts.removing(file.name)}
                  text={fileTexts.removingText}
                  confirm={fileTexts.remove}
                  failed={fileTexts.notRemoved}
                  remove={() => kasal.delete("/files/{file_id}", { path: { file_id: file.file_id } })}
                  onRemoved={async () => {
                    toast(fileTexts.removed(file.name));
                    await client.invalidateQueries({ queryKey: keys.allFiles });
                  }}
                />
              )}
            </span>
          ),
        },
      ]}
    />
  );
}

/** A link alone cannot download: the token is in memory, and goes into a header. */
async function downloadFile(file: Entry): Promise<void> {
  try {
    const path = { file_id: file.file_id };
    const answer = await kasal.send("GET", "/files/{file_id}/content", { path, headers: { Accept: "*/*" } });
    const address = URL.createObjectURL(await answer.blob());
    const link = document.createElement("a");
    link.href = address;
    link.download = file.name.split("/").at(-1) ?? file.name;
    link.click();
    URL.revokeObjectURL(address);
  } catch (error) {
    toast(`${fileTexts.notDownloaded(file.name)} ${error instanceof Error ? error.message : ""}`, "bad");
  }
}

function Uploads() {
  const { uploads, add, remove } = useUploads();
  return (
    <>
      <DropZone
        className={styles.drop}
        aria-label={fileTexts.drop}
        onDrop={async (event) => {
          const dropped = event.items.filter((item) => item.kind === "file");
          add(await Promise.all(dropped.map((item) => item.getFile())));
        }}
      >
        <span>{fileTexts.drop}</span>
        <FileTrigger allowsMultiple onSelect={(list) => list && add([...list])}>
          <Button>{fileTexts.choose}</Button>
        </FileTrigger>
      </DropZone>
      {uploads.length > 0 && (
        <ul className={styles.uploads} aria-label={fileTexts.uploads}>
          {uploads.map((upload) => (
            <UploadLine key={upload.id} upload={upload} onRemove={() => remove(upload.id)} />
          ))}
        </ul>
      )}
    </>
  );
}

function UploadLine({ upload, onRemove }: { upload: Upload; onRemove: () => void }) {
  const { name, size, sent, state, error } = upload;
  const isOver = state === "done" || state === "failed";
  return (
    <li>
      <div className={styles.row}>
        <span className={styles.name}>{name}</span>
        <span className={styles.help}>
          {state === "done" ? fileTexts.done : `${formats.bytes(sent)} / ${formats.bytes(size)}`}
        </span>
        <IconButton small label={isOver ? fileTexts.dismiss(name) : fileTexts.cancel(name)} onPress={onRemove}>
          <icons.CloseIcon size={12} />
        </IconButton>
      </div>
      {!isOver && (
        <progress className={styles.bar} aria-label={fileTexts.progress(name)} max={size || 1} value={sent} />
      )}
      {state === "failed" && <Problem error={error} />}
    </li>
  );
}
