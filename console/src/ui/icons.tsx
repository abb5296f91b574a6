/** The icons, drawn on a grid of 16 px. They are decoration: whatever they stand beside has a name. */
function Icon({ path, size = 16 }: IconProps & { path: string }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={path} />
    </svg>
  );
}

interface IconProps {
  size?: number | undefined;
}

export const HomeIcon = ({ size }: IconProps) => <Icon size={size} path="M2.5 7 8 2.5 13.5 7v6.5h-4V10h-3v3.5h-4z" />;
export const RunsIcon = ({ size }: IconProps) => <Icon size={size} path="M2.5 4h7M2.5 8h11M2.5 12h8" />;
export const CrewsIcon = ({ size }: IconProps) => (
  <Icon
    size={size}
    path="M6 7.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5M1.5 13.5c0-2.5 2-4 4.5-4s4.5 1.5 4.5 4M10.5 2.8a2.5 2.5 0 0 1 0 4.4M12 9.9c1.500.6 2.5 1.8 2.5 3.6"
  />
);
export const InboxIcon = ({ size }: IconProps) => (
  <Icon size={size} path="M2 9.500 3.800 3h8.400L14 9.500v4H2zM2 9.500h3.500l1 1.500h3l1-1.500H14" />
);
export const ToolsIcon = ({ size }: IconProps) => (
  <Icon
    size={size}
    path="M9.500 5.500a3.500 3.500 0 0 1 4.300-3.400L11.500 4.400l.3 1.800 1.800.3 2-2.000M9.700 6.500 2.800 13.400"
  />
);
export const ModelsIcon = ({ size }: IconProps) => (
  <Icon size={size} path="M8 1.800 13.500 5v6L8 14.200 2.500 11V5zM2.500 5 8 8.200 13.500 5M8 8.200v6" />
);
export const FilesIcon = ({ size }: IconProps) => (
  <Icon size={size} path="M4 1.800h5L12.500 5v9.200H4zM9 1.800V5h3.500" />
);
export const MemoryIcon = ({ size }: IconProps) => (
  <Icon
    size={size}
    path="M3 4c0-1.200 2.200-2.200 5-2.200S13 2.800 13 4v8c0 1.200-2.200 2.200-5 2.200S3 13.200 3 12zM3 4c0 1.200 2.200 2.200 5 2.200S13 5.200 13 4M3 8c0 1.200 2.200 2.200 5 2.200S13 9.200 13 8"
  />
);
export const UsageIcon = ({ size }: IconProps) => (
  <Icon size={size} path="M2.500 13.500h11M4 11V8M8 11V3.500M12 11V6" />
);
export const WorkspaceIcon = ({ size }: IconProps) => (
  <Icon size={size} path="M2.500 13.500v-11h6v11M8.500 6.500h5v7M1.500 13.500h13M5 5.500h1M5 8h1M5 10.500h1" />
);
export const MenuIcon = ({ size }: IconProps) => <Icon size={size} path="M2.500 4.500h11M2.500 8h11M2.500 11.500h11" />;
export const CloseIcon = ({ size }: IconProps) => <Icon size={size} path="m3.500 3.500 9 9M12.500 3.500l-9 9" />;
export const CheckIcon = ({ size }: IconProps) => <Icon size={size} path="m3 8.500 3.300 3.300L13 5" />;
export const ChevronIcon = ({ size }: IconProps) => <Icon size={size} path="m4.500 6.500 3.500 3.500 3.500-3.500" />;
export const CopyIcon = ({ size }: IconProps) => (
  <Icon size={size} path="M5.500 5.500h8v8h-8zM10.500 5.500v-3h-8v8h3" />
);
export const PlusIcon = ({ size }: IconProps) => <Icon size={size} path="M8 3v10M3 8h10" />;
export const PlayIcon = ({ size }: IconProps) => <Icon size={size} path="M4.500 2.800v10.400L13 8z" />;
export const StopIcon = ({ size }: IconProps) => <Icon size={size} path="M3.500 3.500h9v9h-9z" />;
export const SearchIcon = ({ size }: IconProps) => (
  <Icon size={size} path="M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10M10.700 10.700 14 14" />
);
export const SunIcon = ({ size }: IconProps) => (
  <Icon
    size={size}
    path="M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6M8 1v1M8 14v1M1 8h1M14 8h1M3 3l.7.7M12.300 12.300l.7.7M3 13l.7-.7M12.300 3.700 13 3"
  />
);
export const MoonIcon = ({ size }: IconProps) => (
  <Icon size={size} path="M13.500 9.500A6 6 0 0 1 6.500 2.500a6 6 0 1 0 7 7" />
);
export const SystemIcon = ({ size }: IconProps) => (
  <Icon size={size} path="M1.800 2.800h12.400v8.400H1.800zM5.500 13.500h5" />
);
export const MoreIcon = ({ size }: IconProps) => <Icon size={size} path="M3.500 8h.01M8 8h.01M12.500 8h.01" />;
export const TrashIcon = ({ size }: IconProps) => (
  <Icon size={size} path="M2.500 4h11M6 4V2.500h4V4M4 4l.700 9.500h6.600L12 4" />
);
export const EditIcon = ({ size }: IconProps) => (
  <Icon size={size} path="m10.500 2.800 2.700 2.700L6 12.700l-3.300.6.600-3.300z" />
);
export const DownloadIcon = ({ size }: IconProps) => (
  <Icon size={size} path="M8 2v8M4.500 6.800 8 10.200l3.500-3.400M2.500 13.500h11" />
);
export const RefreshIcon = ({ size }: IconProps) => (
  <Icon size={size} path="M13.500 8A5.500 5.500 0 1 1 11.700 4M13.500 1.800v3h-3" />
);
export const QuestionIcon = ({ size }: IconProps) => (
  <Icon
    size={size}
    path="M6 6a2 2 0 1 1 3 1.700c-.7.400-1 .8-1 1.600M8 11.700v.01M8 14.500a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13"
  />
);
export const WarningIcon = ({ size }: IconProps) => (
  <Icon size={size} path="M8 2 14.500 13.500h-13zM8 6.500v3.200M8 11.700v.01" />
);
